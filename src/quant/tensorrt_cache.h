// TensorRT's calibration cache: one line of text for each scale.
#pragma once

#include <tendon/calibration.h>

#include <map>
#include <string>
#include <string_view>

namespace tendon {

struct TensorRtCache {
  CalibrationAlgorithm algorithm = CalibrationAlgorithm::kEntropy2;
  std::map<std::string, float, std::less<>> scales;
};

/// Throws Error{kBadInput} naming `name` and the line for a first line of another kind, a line that
/// is cut off, a name that stands twice, and a scale that is not a normal number above 0.
TensorRtCache parse_tensorrt_cache(std::string_view text, std::string_view name);

/// Throws Error{kUsage} unless `version` is digits, as in "8502" for 8.5.2 or "100300" for 10.3.
std::string text_from_ranges(const Ranges& ranges, std::string_view algorithm,
                             std::string_view version);

}  // namespace tendon
