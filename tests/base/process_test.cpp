#include "base/process.h"

#include <gtest/gtest.h>

namespace tendon {
namespace {

TEST(Process, ReportsHowTheProgramEnded) {
  struct Case {
    std::vector<std::string> command;
    int status;
    std::string output;
  };
  for (const auto& [command, status, output] : {
           Case{{"printf", "a b"}, 0, "a b"},
           Case{{"sh", "-c", "echo out; echo err >&2; exit 3"}, 3, "out\n"},
           Case{{"sh", "-c", "kill -9 $$"}, 128 + 9, ""},
           Case{{"cat"}, 0, ""},
           Case{{"tendon-has-no-such-program"}, 127, ""},
       }) {
    const ProcessResult result = run_process(command, ProcessOutput::kCapture);
    EXPECT_EQ(result.exit_status, status) << command[0];
    EXPECT_EQ(result.output, output) << command[0];
  }
}

TEST(Process, OutputMayGoToStandardError) {
  ::testing::internal::CaptureStderr();
  const ProcessResult result = run_process({"printf", "said"}, ProcessOutput::kStandardError);
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "said");
  EXPECT_EQ(result.output, "");
}

}  // namespace
}  // namespace tendon
