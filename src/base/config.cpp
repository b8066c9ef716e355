// The settings of <tendon/config.h>, preset from the environment.
#include "base/config.h"

#include <strings.h>
#include <tendon/config.h>

#include <algorithm>
#include <array>
#include <cstdlib>

namespace tendon {

bool switch_from_environment(const char* name, bool preset) {
  const char* value = std::getenv(name);
  if (value == nullptr) return preset;
  constexpr std::array<const char*, 5> kOff = {"", "0", "off", "no", "false"};
  return std::none_of(kOff.begin(), kOff.end(),
                      [&](const char* off) { return strcasecmp(value, off) == 0; });
}

namespace config {
std::atomic<bool> autoinstall_deps = switch_from_environment("TENDON_AUTOINSTALL_DEPS", false);
std::atomic<bool> ask_before_install = switch_from_environment("TENDON_ASK_BEFORE_INSTALL", true);
}  // namespace config

}  // namespace tendon
