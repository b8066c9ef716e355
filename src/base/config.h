// How a switch in the environment is read.
#pragma once

namespace tendon {

/// The value of environment variable `name`: `preset` when unset, false for "", "0", "off", "no"
/// and "false" in any case, true otherwise.
bool switch_from_environment(const char* name, bool preset);

}  // namespace tendon
