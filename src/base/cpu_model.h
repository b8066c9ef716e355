// What the processor calls itself.
#pragma once

#include <string>
#include <string_view>

namespace tendon {

/// The value of the first line of /proc/cpuinfo that starts with `key`; empty where there is none.
std::string cpuinfo(std::string_view key);
/// "AMD EPYC 9654"; "unknown processor" where the system does not say.
std::string cpu_model();

}  // namespace tendon
