// ValueStatistics: what was seen of one value over many frames.
#pragma once

#include <limits>
#include <vector>

#include "quant/exact_sum.h"
#include "quant/histogram.h"

namespace tendon {

/// Sums of integers, extremes and exact sums alone: frames may come in any order and be shared out
/// in any way, the merged result is the same to the bit.
struct ValueStatistics {
  /// Of |x| over all finite elements.
  Histogram histogram;
  uint64_t count = 0;  ///< finite elements
  uint64_t zeros = 0;
  uint64_t non_finite = 0;
  float min = std::numeric_limits<float>::infinity();
  float max = -std::numeric_limits<float>::infinity();
  /// Every element was k/255 with integer k in 0..255. Tracked for inputs, else false.
  bool byte_exact = false;
  /// One for each channel over the finite elements; empty when a sum went beyond ExactSum::kLimit.
  std::vector<ExactSum> channel_sums;

  /// The largest |x|; 0 where nothing was seen.
  float magnitude() const { return count == 0 ? 0 : max > -min ? max : -min; }
  std::vector<double> channel_means() const;
  bool is_constant() const { return count == 0 || min == max; }
  /// The share of elements beyond [-amax, amax], as far as bins tell.
  double saturated_share(double amax) const;

  /// For a value with this many channels, before anything was seen. `exponent` is a first guess of
  /// the histogram's range.
  void reset(size_t channels, bool track_bytes, int exponent = Histogram::kMinExponent);
  /// Both must be of the same value.
  void merge(const ValueStatistics& other);

  bool operator==(const ValueStatistics&) const = default;
};

}  // namespace tendon
