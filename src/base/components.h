// The Debian packages that Tendon needs, which of them this machine has, and how to get the rest.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tendon {

struct Component {
  std::string_view use;  ///< "run", "build" or "test"
  std::string_view package;
  std::string_view enables;
};

/// The list in components.def, in its order.
std::span<const Component> components();

struct ComponentState {
  Component component;
  std::optional<std::string> version;  ///< Debian's version; absent when it is not installed
};

/// Asks dpkg for every component; nullopt on a machine without dpkg.
std::optional<std::vector<ComponentState>> find_components();

/// The command that installs `packages`, with sudo for anyone but root.
std::vector<std::string> install_command(std::span<const std::string> packages);

/// Installs `packages` as far as config::autoinstall_deps and config::ask_before_install allow,
/// asking on the terminal if they say so. Returns whether apt-get ran and succeeded; when it did
/// not, the log says why and gives the command.
bool install_packages(std::span<const std::string> packages);

}  // namespace tendon
