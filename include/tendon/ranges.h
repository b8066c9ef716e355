// TensorRange: what calibration found for one value of a network.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

namespace tendon {

/// One value of the network after its exact rewrites.
struct TensorRange {
  /// Chosen, above 0: the value is clipped to [-amax, amax]; the scale is amax/127 as int8 and
  /// amax/255 as uint8. A value that was always 0 has amax 1.
  double amax = 0;
  /// Observed. Both are 0 in ranges that come from a TensorRT cache, which has only scales.
  double min = 0, max = 0;
  /// Mean of each channel over all frames, for bias correction; empty when unknown.
  std::vector<double> channel_mean;
  /// Every observed element was k/255 with integer k: camera frames.
  bool byte_exact = false;

  bool operator==(const TensorRange&) const = default;
};

/// By value name.
using Ranges = std::map<std::string, TensorRange, std::less<>>;

}  // namespace tendon
