// Bytes as text of RFC 4648's base64.
#pragma once

#include <string>
#include <string_view>

namespace tendon {

std::string base64_from_bytes(std::string_view bytes);
/// Throws Error{kBadInput} naming `name` for anything but padded base64 without blanks.
std::string bytes_from_base64(std::string_view text, std::string_view name);

}  // namespace tendon
