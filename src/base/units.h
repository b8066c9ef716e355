// Large numbers as people read them.
#pragma once

#include <string>

namespace tendon {

/// "12.3 MiB"
std::string text_of_bytes(double bytes);
/// "32.3 M", "71.4 k"
std::string text_of_count(double count);

}  // namespace tendon
