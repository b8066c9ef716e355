// Settings of the process: whether missing system packages are installed, and after asking or not.
#pragma once

#include <atomic>

namespace tendon::config {

/// Whether Tendon may install a missing system package. Starts as the environment variable
/// TENDON_AUTOINSTALL_DEPS says: off when it is unset, empty, "0", "off", "no" or "false".
extern std::atomic<bool> autoinstall_deps;

/// Whether the user is asked before anything is installed; without a terminal the answer is no.
/// Starts as TENDON_ASK_BEFORE_INSTALL says (same spellings of off): on when it is unset.
extern std::atomic<bool> ask_before_install;

}  // namespace tendon::config
