#include "cli/program.h"

namespace tendon::testing {
namespace {

using ::testing::HasSubstr;

TEST(Completion, BashOffersVerbsAndTheirOptions) {
  struct Case {
    const char* words;
    const char* offered;
  };
  for (const auto& [words, offered] :
       {Case{"tendon doc", "doctor"}, Case{"tendon doctor --ins", "--install"},
        Case{"tendon doctor --log", "--log-file"}}) {
    const TempDir folder;
    const std::string script = "source <(" TENDON_PROGRAM
                               " completion bash -qqq)\n"
                               "COMP_WORDS=(" +
                               std::string(words) +
                               ")\n"
                               "COMP_CWORD=$(( ${#COMP_WORDS[@]} - 1 ))\n"
                               "_tendon\n"
                               "echo \"${COMPREPLY[*]}\"\n";
    write_text(folder / "script", script);
    EXPECT_EQ(std::system(("bash " + (folder / "script") + " >" + (folder / "out")).c_str()), 0);
    EXPECT_EQ(read_text(folder / "out"), std::string(offered) + "\n") << words;
  }
}

TEST(Completion, ZshAndFishDescribeTheOptions) {
  EXPECT_THAT(run_tendon("completion zsh").out, HasSubstr("'--json[Print the result"));
  EXPECT_THAT(run_tendon("completion fish").out,
              HasSubstr("'__fish_seen_subcommand_from doctor' -l json -d 'Print the result"));
}

TEST(Completion, JsonHoldsTheScript) {
  EXPECT_THAT(run_tendon("completion bash --json").out, HasSubstr("\"script\": \"# Completion"));
}

}  // namespace
}  // namespace tendon::testing
