// The kernel of every layer as a file, to build the same engine again.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "engine/choose.h"

namespace tendon {

/// JSON. Throws Error{kBadInput} naming `name`, the place, what was found and what was expected.
std::vector<Tactic> tactics_from_text(std::string_view text, std::string_view name);
std::string text_from_tactics(const std::vector<Tactic>& tactics);

}  // namespace tendon
