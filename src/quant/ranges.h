// What calibration knows of a network's values.
#pragma once

#include <map>
#include <string>
#include <vector>

namespace tendon {

/// What calibration found for one value of the network after its exact rewrites.
struct TensorRange {
  double amax = 0;  ///< chosen: the value is clipped to [-amax, amax]; scale = amax/127 as int8,
                    ///< amax/255 as uint8
  double min = 0, max = 0;           ///< observed
  std::vector<double> channel_mean;  ///< mean of each channel over all frames, for bias correction;
                                     ///< empty when unknown (a TensorRT cache)
  bool byte_exact = false;  ///< every observed element was k/255 with integer k: camera frames
};
using Ranges = std::map<std::string, TensorRange, std::less<>>;  // by value name

}  // namespace tendon
