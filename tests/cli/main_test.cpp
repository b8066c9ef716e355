#include <nlohmann/json.hpp>

#include "cli/program.h"

namespace tendon::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

TEST(Program, HelpGoesToStandardOutputAndNamesEveryVerb) {
  const Outcome help = run_tendon("--help");
  EXPECT_EQ(help.status, 0);
  EXPECT_THAT(help.err, IsEmpty());
  for (const char* verb : {"doctor", "completion"}) {
    EXPECT_THAT(help.out, HasSubstr(verb));
    const Outcome verb_help = run_tendon(std::string(verb) + " --help");
    EXPECT_EQ(verb_help.status, 0);
    for (const char* part : {"Example:", "--json", "--log-file"}) {
      EXPECT_THAT(verb_help.out, HasSubstr(part)) << verb;
    }
  }
}

TEST(Program, Version) { EXPECT_THAT(run_tendon("--version").out, HasSubstr("tendon 0.")); }

TEST(Program, WrongUsageHasStatus2AndSaysWhatToDo) {
  struct Case {
    const char* arguments;
    const char* message;
  };
  for (const auto& [arguments, message] :
       {Case{"", "a verb is missing; the verbs are"},
        Case{"doctr", "there is no verb 'doctr'; the verbs are"},
        Case{"doctor --nonsense", "--nonsense; see tendon doctor --help"},
        Case{"doctor --for gpu", "--for: gpu not in {run,build,test}"},
        Case{"doctor --yes", "--yes requires --install"}, Case{"completion", "SHELL is required"},
        Case{"completion csh", "csh not in"}, Case{"doctor --verbosity LOUD", "LOUD not in"},
        Case{"doctor --log-file /nowhere/log", "cannot open the log file '/nowhere/log'"}}) {
    const Outcome outcome = run_tendon(arguments);
    EXPECT_EQ(outcome.status, 2) << arguments;
    EXPECT_THAT(outcome.out, IsEmpty()) << arguments;
    EXPECT_THAT(outcome.err, HasSubstr(message)) << arguments;
    EXPECT_THAT(outcome.err, HasSubstr("[E] FAILED | Runtime:")) << arguments;
  }
}

TEST(Program, EndsWithPolygraphysPassedLine) {
  const Outcome outcome = run_tendon("completion fish");
  EXPECT_EQ(outcome.status, 0);
  EXPECT_THAT(outcome.err, HasSubstr("[I] PASSED | Runtime: "));
  EXPECT_THAT(outcome.err, HasSubstr("| Command: tendon completion fish\n"));
}

TEST(Program, QuietStepsFollowPolygraphy) {
  EXPECT_THAT(run_tendon("completion fish -qq").err, HasSubstr("PASSED"));
  EXPECT_THAT(run_tendon("completion fish -qqq").err, IsEmpty());
  EXPECT_THAT(run_tendon("completion fish -qqq --verbosity info").err, HasSubstr("PASSED"));
  EXPECT_THAT(run_tendon("completion fish --silent").err, IsEmpty());
  EXPECT_THAT(run_tendon("inspect /nowhere.onnx --silent").err,
              AllOf(HasSubstr("[!] cannot open '/nowhere.onnx'"), Not(HasSubstr("FAILED"))));
  EXPECT_THAT(run_tendon("completion fish").err, Not(HasSubstr("\033")));
}

TEST(Program, LogFileHoldsTheLog) {
  const TempDir folder;
  const Outcome outcome = run_tendon("completion fish --log-file " + (folder / "log"));
  EXPECT_EQ(read_text(folder / "log"), outcome.err);
}

TEST(Program, FullStandardOutputIsAnError) {
  const int status = std::system(TENDON_PROGRAM " completion fish >/dev/full 2>/dev/null");
  EXPECT_EQ(WEXITSTATUS(status), 3);
}

TEST(Program, JsonReportsErrorsToo) {
  const Outcome outcome = run_tendon("doctor --json", "PATH=/nowhere");
  EXPECT_EQ(outcome.status, 4);
  const auto result = nlohmann::json::parse(outcome.out);
  EXPECT_EQ(result["exit_status"], 4);
  EXPECT_EQ(result["error"]["kind"], "not supported here");
  EXPECT_THAT(result["error"]["message"], HasSubstr("dpkg-query"));
}

}  // namespace
}  // namespace tendon::testing
