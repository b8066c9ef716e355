// The ONNX project's operator cases on every runner: those of Debian's libonnx-testdata, and newer
// ones where a script has written them.
#include <gtest/gtest.h>

#include <array>
#include <cstdlib>

#include "base/format.h"
#include "support/node_case_runner.h"

namespace tendon {
namespace {

using testing::NodeCase;
using testing::Outcome;
using testing::Runner;

/// At most this share of the cases whose operators are in the set may be skipped.
constexpr double kMostSkipped = 0.02;

std::array<int, testing::kOutcomes> run_all(const std::filesystem::path& data,
                                            const Runner& runner) {
  const testing::QuietLog quiet;
  std::array<int, testing::kOutcomes> outcomes{};
  for (const NodeCase& node_case : testing::find_node_cases(data)) {
    const testing::Result result = testing::run_case(node_case, runner);
    EXPECT_NE(result.outcome, Outcome::kFailed) << node_case.name << ": " << result.message;
    ++outcomes[static_cast<size_t>(result.outcome)];
  }
  const auto count = [&](Outcome outcome) { return outcomes[static_cast<size_t>(outcome)]; };
  const int passed = count(Outcome::kPassed);
  const int skipped = count(Outcome::kSkipped);
  fmt::print("{}: {} passed, {} skipped, {} operator not in the set, {} type not in the set\n",
             runner.name, passed, skipped, count(Outcome::kOperatorNotInSet),
             count(Outcome::kTypeNotInSet));
  EXPECT_LE(skipped, kMostSkipped * (passed + skipped));
  return outcomes;
}

class OnnxNodes : public ::testing::TestWithParam<Runner> {};

TEST_P(OnnxNodes, Pass) {
  const std::filesystem::path data = TENDON_ONNX_TEST_DATA;
  if (data.empty()) GTEST_SKIP() << "install Debian's libonnx-testdata to run the ONNX node cases";
  EXPECT_GE(run_all(data, GetParam())[static_cast<size_t>(Outcome::kPassed)], 800);
}

// tests/oracle/node_cases_test.py writes the cases of PyPI's onnx and runs this.
TEST_P(OnnxNodes, NewerPass) {
  const char* data = std::getenv("TENDON_NEWER_NODE_CASES");
  if (data == nullptr) GTEST_SKIP() << "TENDON_NEWER_NODE_CASES names no folder";
  EXPECT_GE(run_all(data, GetParam())[static_cast<size_t>(Outcome::kPassed)], 1000);
}

INSTANTIATE_TEST_SUITE_P(Runners, OnnxNodes, ::testing::ValuesIn(testing::device_runners()),
                         [](const auto& row) { return row.param.name; });

}  // namespace
}  // namespace tendon
