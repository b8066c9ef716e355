// Normalisation as a network applies it: a shift and a factor for each channel.
#pragma once

#include <vector>

namespace tendon {

/// Into the network: (x - center) / scale + offset. Out of it: (y - offset) * scale + center. Empty
/// lists leave values as they are.
struct Scaling {
  std::vector<float> center;
  std::vector<float> scale;
  float offset = 0;
  bool empty() const { return center.empty(); }
  bool operator==(const Scaling&) const = default;
};

}  // namespace tendon
