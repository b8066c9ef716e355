#include <sys/stat.h>

#include <nlohmann/json.hpp>

#include "cli/program.h"

namespace tendon::testing {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

/// A machine where ccache is missing until apt-get (here a script) installs it.
class Machine {
 public:
  Machine() {
    add_program("dpkg-query",
                "for package; do case $package in\n"
                "  -*) ;;\n"
                "  ccache) [ -e $(dirname $0)/ccache ] && echo ccache installed 4.7 ;;\n"
                "  *) echo $package installed 1.2 ;;\n"
                "esac; done; true\n");
    add_program("apt-get",
                "echo \"$*\" >> $(dirname $0)/calls\n"
                "[ $1 = update ] || touch $(dirname $0)/ccache\n");
    add_program("sudo", "exec \"$@\"\n");
  }
  void add_program(const char* name, const std::string& script) {
    write_text(folder_ / name, "#!/bin/sh\n" + script);
    chmod((folder_ / name).c_str(), 0755);
  }
  std::string path() const { return "PATH=" + folder_.path().string() + ":$PATH"; }
  std::string apt_calls() const { return read_text(folder_ / "calls"); }

 private:
  TempDir folder_;
};

constexpr const char* kInstallCcache = "install -y --no-install-recommends ccache\n";

TEST(Doctor, ListsTheMachineAndWhatIsMissing) {
  const Machine machine;
  const Outcome outcome = run_tendon("doctor --json", machine.path());
  EXPECT_EQ(outcome.status, 0);
  const auto result = nlohmann::json::parse(outcome.out);
  EXPECT_EQ(result["devices"][0]["name"], "cpu");
  EXPECT_GE(result["devices"][0]["threads"], 1);
  EXPECT_GT(result["devices"][0]["memory_bytes"], 1 << 20);
  EXPECT_THAT(result["devices"][0]["instruction_sets"], Not(IsEmpty()));
  EXPECT_EQ(result["devices"][1]["name"], "cuda");
  EXPECT_THAT(result["devices"][1]["model"].get<std::string>(), Not(IsEmpty()))
      << "a GPU, or why there is none";
  EXPECT_THAT(result["missing"], ::testing::ElementsAre("ccache"));
  EXPECT_THAT(result["install_command"], HasSubstr("apt-get install -y"));
  EXPECT_THAT(result["components"], Contains(nlohmann::json{{"use", "build"},
                                                            {"package", "cmake"},
                                                            {"enables", "build configuration"},
                                                            {"version", "1.2"}}));
  EXPECT_THAT(run_tendon("doctor", machine.path()).out, HasSubstr("Missing: ccache\nInstall: "));
  EXPECT_THAT(machine.apt_calls(), IsEmpty());
}

TEST(Doctor, ForNarrowsTheList) {
  const Machine machine;
  const Outcome outcome = run_tendon("doctor --for run,test --json", machine.path());
  EXPECT_THAT(nlohmann::json::parse(outcome.out)["missing"], IsEmpty());
}

TEST(Doctor, MissingRunTimePackageFails) {
  Machine machine;
  machine.add_program("dpkg-query", "exit 1\n");
  EXPECT_EQ(run_tendon("doctor", machine.path()).status, 1);
}

TEST(Doctor, InstallsOnlyWhenAllowed) {
  struct Case {
    const char* arguments;
    const char* settings;
    int status;
    bool installs;
  };
  for (const auto& [arguments, settings, status, installs] :
       {Case{"doctor --install", "", 1, false}, Case{"doctor --install --yes", "", 0, true},
        Case{"doctor --install --for run", "", 0, false},
        Case{"doctor --install", "TENDON_ASK_BEFORE_INSTALL=0", 0, true},
        Case{"doctor", "TENDON_AUTOINSTALL_DEPS=1", 1, false},
        Case{"doctor", "TENDON_AUTOINSTALL_DEPS=0 TENDON_ASK_BEFORE_INSTALL=0", 0, false},
        Case{"doctor", "TENDON_AUTOINSTALL_DEPS=1 TENDON_ASK_BEFORE_INSTALL=0", 0, true}}) {
    const Machine machine;
    const Outcome outcome = run_tendon(arguments, machine.path() + " " + settings);
    EXPECT_EQ(outcome.status, status) << settings << " " << arguments << outcome.err;
    EXPECT_EQ(machine.apt_calls(), installs ? std::string("update\n") + kInstallCcache : "")
        << settings << " " << arguments;
  }
}

TEST(Doctor, WithoutATerminalTheAnswerIsNo) {
  const Machine machine;
  const Outcome outcome = run_tendon("doctor --install", machine.path());
  EXPECT_THAT(outcome.err, HasSubstr("there is no terminal to ask on"));
  EXPECT_THAT(outcome.err, HasSubstr("To install what is missing: "));
}

TEST(Doctor, AsksOnATerminal) {
  struct Case {
    const char* answer;
    bool installs;
  };
  for (const auto& [answer, installs] :
       {Case{"y", true}, Case{"", true}, Case{"n", false}, Case{"what", false}}) {
    const Machine machine;
    const std::string command = "echo '" + std::string(answer) + "' | " + machine.path() +
                                " script -qec '" TENDON_PROGRAM
                                " doctor --install' /dev/null >/dev/null";
    const int status = std::system(command.c_str());
    EXPECT_EQ(WEXITSTATUS(status), installs ? 0 : 1) << answer;
    EXPECT_EQ(!machine.apt_calls().empty(), installs) << answer;
  }
}

TEST(Doctor, FailedInstallationIsReported) {
  Machine machine;
  machine.add_program("apt-get", "exit 100\n");
  const Outcome outcome = run_tendon("doctor --install --yes", machine.path());
  EXPECT_EQ(outcome.status, 1);
  EXPECT_THAT(outcome.err, HasSubstr("apt-get update' ended with exit status 100"));
}

}  // namespace
}  // namespace tendon::testing
