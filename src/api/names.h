// Suggestions for mistyped names.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace tendon {

/// "; did you mean 'action'?" for the candidate nearest to `name`, empty when none is near.
std::string did_you_mean(std::string_view name, const std::vector<std::string>& candidates);
/// "'a', 'b'"; at most eight, then how many more.
std::string quoted_list(const std::vector<std::string>& names);

}  // namespace tendon
