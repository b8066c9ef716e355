// LeRobot's normalisation modes as scalings.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "policy/scaling.h"

namespace tendon {

enum class NormalizationMode { kIdentity, kMeanStd, kMinMax, kQuantiles, kQuantile10 };
/// "MEAN_STD", … Throws Error{kUnsupported} naming `place` for a mode that Tendon does not know.
NormalizationMode normalization_mode_from_name(std::string_view name, std::string_view place);
std::string_view to_string(NormalizationMode mode);

/// Statistics of one feature by name: "mean", "std", "min", …
using FeatureStats = std::map<std::string, std::vector<float>, std::less<>>;

/// How two generations of LeRobot keep from dividing by zero.
enum class ZeroRange {
  kReplaced,  ///< a range of 0 becomes epsilon (processors)
  kAdded,     ///< epsilon is added to every range (normalisation layers inside the policy)
};

/// From robot units into the network, and from the network to robot units. Throws Error{kBadInput}
/// naming `place` when a statistic is missing, not finite or of another length than `width`.
Scaling input_scaling(NormalizationMode mode, const FeatureStats& stats, int64_t width,
                      float epsilon, ZeroRange zero_range, std::string_view place);
Scaling output_scaling(NormalizationMode mode, const FeatureStats& stats, int64_t width,
                       float epsilon, ZeroRange zero_range, std::string_view place);

}  // namespace tendon
