// Writes and checks docs/operators.md: what the ONNX project's cases show of each operator.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <set>

#include "backends/registry.h"
#include "base/data_type.h"
#include "engine/build.h"
#include "onnx/expand.h"
#include "ops/opsets.h"
#include "support/files.h"
#include "support/node_case_runner.h"

namespace tendon {
namespace {

using testing::NodeCase;
using testing::Outcome;

/// What the cases show of one operator.
struct Shown {
  int passed = 0;
  int skipped = 0;
  std::set<DataType> types;
  /// Of backend cpu, without passes.
  std::set<std::string> kernels;
};

/// Types that the first input of a case may have.
std::set<DataType> types_of(const NodeCase& node_case) {
  std::set<DataType> types;
  for (int i = 0; i < kDataTypeCount; ++i) {
    try {
      testing::read_case(node_case, static_cast<DataType>(i));
      types.insert(static_cast<DataType>(i));
    } catch (const Error&) {
      // Another type is what it needs.
    }
  }
  return types;
}

std::set<std::string> kernels_of(const NodeCase& node_case) {
  const testing::ReadyCase ready = testing::read_case(node_case);
  const auto engine =
      build_engine(ready.graph, {.device = "cpu", .optimise = false}, backends_for_device("cpu"));
  std::set<std::string> kernels;
  for (const LayerRecord& layer : engine->layers()) {
    if (layer.backend == "cpu") kernels.insert(layer.kernel);
  }
  return kernels;
}

std::string text_of(const std::set<DataType>& types) {
  struct Group {
    std::string_view name;
    bool (*holds)(DataType);
  };
  static constexpr Group kGroups[] = {
      {"float", is_floating}, {"int", is_integer}, {"bool", [](DataType type) {
                                                      return type == DataType::kBool;
                                                    }}};
  std::vector<std::string> words;
  for (const Group& group : kGroups) {
    std::vector<std::string> found;
    bool all = true;
    for (int i = 0; i < kDataTypeCount; ++i) {
      const auto type = static_cast<DataType>(i);
      if (!group.holds(type)) continue;
      if (types.contains(type)) found.emplace_back(name_of(type));
      all = all && types.contains(type);
    }
    if (all) found = {std::string(group.name)};
    words.insert(words.end(), found.begin(), found.end());
  }
  return words.empty() ? "-" : fmt::format("{}", fmt::join(words, ", "));
}

std::string document(const std::map<std::string, Shown>& by_type, int passed, int skipped,
                     int cases) {
  std::string text = fmt::format(
      "# Operators\n\n"
      "The operators that Tendon reads from ONNX, opsets {} to {}. Of the ONNX project's own {} "
      "cases\n(version 1.12), {} pass on every backend and {} are skipped for the reasons in "
      "`tests/support/skips.h`;\nthe others use operators or types that Tendon lacks. A case may "
      "hold several operators, and operators\nnewer than these cases have none; "
      "`tests/oracle/node_cases_test.py` runs the newer ones as well.\n\n"
      "*Types* are those that the first input may have; *float* and *int* stand for all of them "
      "(float32,\nfloat16, bfloat16, float64; int8, uint8, int16, int32, int64). *On cpu* names "
      "the "
      "kernels of backend\n`cpu` that take part before any pass has run; where it says "
      "*reference*, plain loops run it. Operators\nwithout an entry of their own in "
      "`src/ops/op_set.h` are written out in others by the importer.\n"
      "`operators_document_test` writes this page.\n\n"
      "| operator | opsets | types | on cpu | passed | skipped |\n|---|---|---|---|---:|---:|\n",
      kOldestOpset, kNewestOpset, cases, passed, skipped);
  for (const auto& [type, shown] : by_type) {
    const testing::Opsets opsets = testing::opsets_of(type);
    const bool tested = shown.passed > 0;
    text += fmt::format("| {} | {} to {} | {} | {} | {} | {} |\n", type,
                        std::max(opsets.first, kOldestOpset), std::min(opsets.last, kNewestOpset),
                        text_of(shown.types),
                        !tested                 ? "-"
                        : shown.kernels.empty() ? "reference"
                                                : fmt::format("{}", fmt::join(shown.kernels, ", ")),
                        shown.passed, shown.skipped);
  }
  text +=
      "\nOf ONNX Runtime's own operators (domain `com.microsoft`) the importer takes Attention "
      "(without mask and\npast), BiasGelu, FastGelu, FusedConv, FusedGemm, FusedMatMul, Gelu, "
      "QuickGelu and\nSkipLayerNormalization. Functions that a model defines are written out where "
      "they are called, and of an\n`If` whose condition is constant the branch that it chooses.\n\n"
      "`tests/oracle/networks_test.py` holds small networks of the families that policies use, as "
      "PyTorch exports\nthem (opsets 13, 17 and 20, and its newer exporter), to ONNX Runtime: "
      "MobileNet, ResNet, ConvNeXt, a vision\ntransformer, the 1-D U-Net of diffusion policies, "
      "LSTM and GRU policies, an upsampling decoder.\n";
  return text;
}

TEST(OperatorsDocument, IsWhatTheCasesShow) {
  const std::filesystem::path data = TENDON_ONNX_TEST_DATA;
  if (data.empty()) GTEST_SKIP() << "install Debian's libonnx-testdata to run the ONNX node cases";
  const testing::QuietLog quiet;
  std::map<std::string, Shown> by_type;
  for (const std::string_view type : testing::kWithoutCases) by_type[std::string(type)];
  int passed = 0;
  int skipped = 0;
  int cases = 0;
  for (const NodeCase& node_case : testing::find_node_cases(data)) {
    ++cases;
    const testing::Result result = testing::run_case(node_case, testing::loops_runner());
    EXPECT_NE(result.outcome, Outcome::kFailed) << node_case.name << ": " << result.message;
    passed += result.outcome == Outcome::kPassed;
    skipped += result.outcome == Outcome::kSkipped;
    if (result.outcome != Outcome::kPassed && result.outcome != Outcome::kSkipped) continue;
    const std::vector<std::string> types = testing::operator_types(node_case);
    for (const std::string& type : types) {
      Shown& shown = by_type[type];
      ++(result.outcome == Outcome::kPassed ? shown.passed : shown.skipped);
      if (result.outcome != Outcome::kPassed || types.size() > 1) continue;
      if (shown.types.empty()) shown.types = types_of(node_case);
      shown.kernels.merge(kernels_of(node_case));
    }
  }
  const std::string path = testing::source_path("docs/operators.md");
  const std::string text = document(by_type, passed, skipped, cases);
  if (std::getenv("TENDON_WRITE_DOCS") != nullptr) testing::write_text(path, text);
  EXPECT_EQ(testing::read_text(path), text) << "run this test with TENDON_WRITE_DOCS=1";
}

}  // namespace
}  // namespace tendon
