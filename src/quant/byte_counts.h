// ByteCounts: pictures whose elements are bytes by 255, counted byte by byte.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "ops/elements.h"
#include "quant/value_statistics.h"

namespace tendon {

/// Frames of cameras are most of what a policy reads, and 256 counts of a plane say all of them and
/// of whatever a plane makes by a constant.
class ByteCounts {
 public:
  /// Counts a dense tensor of planes * plane elements, on all threads. False, and nothing is
  /// known, unless each is b / 255.0f for an integer b in 0..255, to the bit.
  bool count(const float* elements, size_t planes, int64_t plane);
  void forget() { counts_.clear(); }
  bool known() const { return !counts_.empty(); }

  /// Adds to `statistics` what its elements minus offsets[plane] are, in float32. Their order and
  /// number is the counted tensor's; `split` says where their channels lie, each of whole planes.
  void add_to(ValueStatistics& statistics, const AxisSplit& split,
              std::span<const float> offsets) const;

 private:
  using Counts = std::array<uint64_t, 256>;
  std::vector<Counts> counts_;
  int64_t plane_ = 0;
};

}  // namespace tendon
