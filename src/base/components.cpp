// dpkg-query finds what is installed, apt-get installs the rest.
#include "base/components.h"

#include <tendon/config.h>
#include <unistd.h>

#include <array>
#include <iostream>
#include <map>
#include <sstream>

#include "base/log.h"
#include "base/process.h"

namespace tendon {
namespace {

constexpr std::array kComponents = {
#define TENDON_COMPONENT(use, package, enables) Component{#use, package, enables},
#include "base/components.def"
#undef TENDON_COMPONENT
};

bool user_agrees(std::span<const std::string> packages) {
  if (isatty(STDIN_FILENO) == 0) {
    log_warning("Nothing was installed: there is no terminal to ask on");
    return false;
  }
  std::cerr << fmt::format("Install {}? ([Y]/n) ", fmt::join(packages, ", ")) << std::flush;
  std::string answer;
  if (!std::getline(std::cin, answer)) return false;
  return answer.empty() || answer == "y" || answer == "Y" || answer == "yes";
}

std::vector<std::string> apt_get(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "apt-get");
  if (geteuid() != 0) arguments.insert(arguments.begin(), "sudo");
  return arguments;
}

}  // namespace

std::span<const Component> components() { return kComponents; }

std::optional<std::vector<ComponentState>> find_components() {
  std::vector<std::string> query = {"dpkg-query", "-W",
                                    "-f=${Package} ${db:Status-Status} ${Version}\\n"};
  for (const Component& component : kComponents) query.emplace_back(component.package);
  const ProcessResult answer = run_process(query, ProcessOutput::kCapture);
  constexpr int kSomeUnknown = 1;
  if (answer.exit_status > kSomeUnknown) return std::nullopt;

  std::map<std::string, std::string, std::less<>> versions;
  std::istringstream lines(answer.output);
  for (std::string package, status, version; lines >> package >> status;) {
    std::getline(lines, version);
    if (status == "installed") versions[package] = version.substr(version.find_first_not_of(' '));
  }
  std::vector<ComponentState> states;
  for (const Component& component : kComponents) {
    const auto found = versions.find(component.package);
    states.push_back(
        {component, found == versions.end() ? std::nullopt : std::optional(found->second)});
  }
  return states;
}

std::vector<std::string> install_command(std::span<const std::string> packages) {
  std::vector<std::string> command = apt_get({"install", "-y", "--no-install-recommends"});
  command.insert(command.end(), packages.begin(), packages.end());
  return command;
}

bool install_packages(std::span<const std::string> packages) {
  const std::vector<std::string> install = install_command(packages);
  const std::string command = fmt::format("{}", fmt::join(install, " "));
  if (!config::autoinstall_deps || (config::ask_before_install && !user_agrees(packages))) {
    log_info("To install what is missing: {}", command);
    return false;
  }
  log_info("Installing {}: {}", fmt::join(packages, ", "), command);
  for (const auto& step : {apt_get({"update"}), install}) {
    const int status = run_process(step, ProcessOutput::kStandardError).exit_status;
    if (status != 0) {
      log_error("'{}' ended with exit status {}; run it by hand to see why", fmt::join(step, " "),
                status);
      return false;
    }
  }
  return true;
}

}  // namespace tendon
