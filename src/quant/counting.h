// What calibration looks for in a short run of elements, in vector instructions.
#pragma once

#include <array>
#include <cstdint>

#include "quant/histogram.h"

namespace tendon {

/// Elements that are looked at together, so that they stay in the first-level cache.
inline constexpr int64_t kRun = 1024;
/// Bins of look_at_run() from here on stand for zeros, so that a bin is seldom counted twice in a
/// row: that would wait for the store before.
inline constexpr int32_t kZeroBins = Histogram::kBins;
inline constexpr int32_t kAllBins = kZeroBins + 16;

/// Of one run. The extremes mean nothing where an element is not finite.
struct RunFindings {
  float min = 0;
  float max = 0;
  bool finite = true;
};

/// Writes for each element the bin |x| * scale, cut to an integer, or one of the bins of zeros.
/// `count` is at least 1 and at most kRun. Bins of elements beyond the histogram's range mean
/// nothing.
RunFindings look_at_run(const float* x, int64_t count, float scale, int32_t* bins);

/// Counts of all bins. Neighbouring elements often fall into the same bin; each bin has several
/// counts that they take in turn, which spares the wait for the store before. Narrow, so that all
/// stay in the first-level cache beside the elements.
struct alignas(64) BinCounts {
  static constexpr int64_t kCopies = 4;
  /// More than this could be too many for one of the counts.
  static constexpr int64_t kMostElements = kCopies * 0xffff;

  std::array<std::array<uint16_t, kCopies>, kAllBins> counts{};

  /// At most kMostElements between two calls of take().
  void add(const int32_t* bins, int64_t count) {
    int64_t i = 0;
    for (; i + kCopies <= count; i += kCopies) {
      for (int64_t copy = 0; copy < kCopies; ++copy) add_one(bins[i + copy], copy);
    }
    for (int64_t copy = 0; i < count; ++i, ++copy) add_one(bins[i], copy);
  }
  /// Writes how many each bin has, and leaves none.
  void take(std::array<uint64_t, kAllBins>& sums);

 private:
  void add_one(int32_t bin, int64_t copy) {
    ++counts[static_cast<size_t>(bin)][static_cast<size_t>(copy)];
  }
};

/// Whether all elements are k/255 with integer k in 0..255, up to the last place.
bool are_bytes(const float* x, int64_t count);

/// sums[c] += the elements of channel c over `rows` rows of `channels` each, row by row.
void add_rows(const float* x, int64_t rows, int64_t channels, float* sums);

}  // namespace tendon
