// The ONNX project's operator cases on every runner; also writes and checks docs/operators.md.
#include <gtest/gtest.h>
#include <tendon/log.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <functional>
#include <map>

#include "backends/registry.h"
#include "engine/context.h"
#include "ops/skips.h"
#include "support/files.h"
#include "support/graphs.h"
#include "support/node_cases.h"

namespace tendon {
namespace {

using testing::NodeCase;

/// One way to run a graph.
struct Runner {
  std::string name;
  std::function<TensorMap(const Graph& graph, const TensorMap& inputs)> run;
};

/// The plain loops, each device of this machine, and each device behind all passes.
std::vector<Runner> runners() {
  std::vector<Runner> result = {{"loops", testing::run_reference}};
  for (Backend* backend : all_backends()) {
    if (backend->unavailable()) continue;
    const std::string device(backend->name());
    for (const bool optimise : {false, true}) {
      const auto run = [device, optimise](const Graph& graph, const TensorMap& inputs) {
        const BuildConfig config{.device = device, .optimise = optimise};
        return ExecutionContext(build_engine(graph, config, backends_for_device(device)))
            .infer(inputs);
      };
      result.push_back({optimise ? device + "_with_passes" : device, run});
    }
  }
  return result;
}

/// Keeps the reports of a thousand builds out of the output.
class QuietLog {
 public:
  QuietLog() { Logger::global().set_severity(Severity::kError); }
  ~QuietLog() { Logger::global().set_severity(severity_); }
  QuietLog(const QuietLog&) = delete;
  QuietLog& operator=(const QuietLog&) = delete;

 private:
  Severity severity_ = Logger::global().severity();
};

enum class Outcome { kPassed, kFailed, kOperatorNotInSet, kTypeNotInSet };

struct Result {
  Outcome outcome;
  std::string message;
};

/// ONNX's own tolerances.
constexpr double kRelative = 1e-3;
constexpr double kAbsolute = 1e-7;

std::string difference(const Tensor& found, const Tensor& expected) {
  if (found.type() != expected.type()) {
    return fmt::format("is {}, expected {}", found.type(), expected.type());
  }
  const std::vector<double> a = to_doubles(found);
  const std::vector<double> b = to_doubles(expected);
  for (size_t i = 0; i < a.size(); ++i) {
    const bool equal = a[i] == b[i] || (std::isnan(a[i]) && std::isnan(b[i]));
    if (equal || std::fabs(a[i] - b[i]) <= kAbsolute + kRelative * std::fabs(b[i])) continue;
    return fmt::format("element {} is {}, expected {}", i, a[i], b[i]);
  }
  return "";
}

Outcome outcome_of(const Error& error) {
  const std::string_view message = error.what();
  if (error.kind() != ErrorKind::kUnsupported) return Outcome::kFailed;
  const auto holds = [&](std::string_view part) { return message.find(part) != message.npos; };
  if (holds("(domain ") || holds("holds a graph")) return Outcome::kOperatorNotInSet;
  if (holds("element type ") || holds("input of kind ")) return Outcome::kTypeNotInSet;
  return Outcome::kFailed;
}

Result run_case(const NodeCase& node_case, const Runner& runner) {
  try {
    const testing::ReadyCase ready = testing::read_case(node_case);
    TensorMap inputs;
    for (const GraphInput& input : ready.graph.inputs()) {
      const std::string& name = ready.graph.value(input.value).name;
      inputs[name] = ready.inputs.at(name);
    }
    const TensorMap found = runner.run(ready.graph, inputs);
    for (const auto& [name, expected] : ready.outputs) {
      const std::string wrong = difference(found.at(name), expected);
      if (!wrong.empty()) return {Outcome::kFailed, fmt::format("output '{}' {}", name, wrong)};
    }
    return {Outcome::kPassed, ""};
  } catch (const Error& error) {
    return {outcome_of(error), error.what()};
  }
}

const testing::Skip* find_skip(std::string_view name) {
  const auto matches = [&](const testing::Skip& skip) {
    if (!skip.name.ends_with('*')) return skip.name == name;
    return name.starts_with(skip.name.substr(0, skip.name.size() - 1));
  };
  const auto* found = std::ranges::find_if(testing::kSkips, matches);
  return found == std::end(testing::kSkips) ? nullptr : found;
}

struct Counts {
  int passed = 0;
  int skipped = 0;
};

std::string document(const std::map<std::string, Counts>& by_type, const Counts& total) {
  std::string text = fmt::format(
      "# Operators\n\n"
      "The operators that Tendon reads from ONNX (opsets 9 to 21), with the ONNX project's own "
      "cases\n(version 1.12) that hold them: {} pass, {} are skipped for the reasons in "
      "`tests/ops/skips.h`.\nA case may hold several operators; operators newer than the cases "
      "have none. `onnx_node_test`\nkeeps this table true.\n\n"
      "| operator | passed | skipped |\n|---|---:|---:|\n",
      total.passed, total.skipped);
  for (const auto& [type, counts] : by_type) {
    text += fmt::format("| {} | {} | {} |\n", type, counts.passed, counts.skipped);
  }
  return text;
}

void PrintTo(const Runner& runner, std::ostream* stream) { *stream << runner.name; }

class OnnxNodes : public ::testing::TestWithParam<Runner> {};

TEST_P(OnnxNodes, Pass) {
  const std::filesystem::path data = TENDON_ONNX_TEST_DATA;
  if (data.empty()) GTEST_SKIP() << "install Debian's libonnx-testdata to run the ONNX node cases";
  const QuietLog quiet;
  std::map<std::string, Counts> by_type = {{"Gelu", {}}, {"Mish", {}}};
  std::map<Outcome, int> outcomes;
  Counts total;
  for (const NodeCase& node_case : testing::find_node_cases(data)) {
    const Result result = run_case(node_case, GetParam());
    const testing::Skip* skip = find_skip(node_case.name);
    if (skip != nullptr) {
      EXPECT_EQ(result.outcome, Outcome::kFailed)
          << node_case.name << ": remove its row from skips.h; it passes or is not in the set";
      ++total.skipped;
    } else {
      EXPECT_NE(result.outcome, Outcome::kFailed) << node_case.name << ": " << result.message;
      ++outcomes[result.outcome];
      total.passed += result.outcome == Outcome::kPassed;
    }
    if (skip == nullptr && result.outcome != Outcome::kPassed) continue;
    for (const std::string& type : testing::operator_types(node_case)) {
      Counts& counts = by_type[type];
      ++(skip != nullptr ? counts.skipped : counts.passed);
    }
  }
  fmt::print("{}: {} passed, {} skipped, {} operator not in the set, {} type not in the set\n",
             GetParam().name, total.passed, total.skipped, outcomes[Outcome::kOperatorNotInSet],
             outcomes[Outcome::kTypeNotInSet]);
  if (GetParam().name != "loops") return;
  const std::string path = testing::source_path("docs/operators.md");
  const std::string text = document(by_type, total);
  if (std::getenv("TENDON_WRITE_DOCS") != nullptr) testing::write_text(path, text);
  EXPECT_EQ(testing::read_text(path), text) << "run this test with TENDON_WRITE_DOCS=1";
}

INSTANTIATE_TEST_SUITE_P(Runners, OnnxNodes, ::testing::ValuesIn(runners()),
                         [](const auto& row) { return row.param.name; });

}  // namespace
}  // namespace tendon
