// What calibration looks for in a short run of elements, in vector instructions.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "quant/histogram.h"

namespace tendon {

/// Elements that are looked at together, so that they stay in the first-level cache.
inline constexpr int64_t kRun = 1024;
/// With room for the widest vector behind the last one.
using RunBins = std::array<int32_t, kRun + 16>;

/// Of one run. The extremes mean nothing where an element is not finite.
struct RunFindings {
  float min = 0;
  float max = 0;
  bool finite = true;
  /// Elements that are not zero, as many as there are bins.
  int64_t bins = 0;
};

/// Writes for each element that is not zero (after ReLU half of them are) the bin |x| * scale, cut
/// to an integer. `count` is at least 1 and at most kRun. Bins of elements beyond the histogram's
/// range mean nothing.
RunFindings look_at_run(const float* x, int64_t count, float scale, RunBins& bins);

/// Counts of all bins. Neighbouring elements often fall into the same bin; each bin has several
/// counts that they take in turn, which spares the wait for the store before. Narrow, so that all
/// stay in the first-level cache beside the elements.
struct alignas(64) BinCounts {
  static constexpr int64_t kCopies = 4;
  /// More than this could be too many for one of the counts.
  static constexpr int64_t kMostElements = kCopies * 0xffff;

  std::array<std::array<uint16_t, kCopies>, Histogram::kBins> counts{};

  /// At most kMostElements between two calls of take().
  void add(const int32_t* bins, int64_t count) {
    int64_t i = 0;
    for (; i + kCopies <= count; i += kCopies) {
      for (int64_t copy = 0; copy < kCopies; ++copy) add_one(bins[i + copy], copy);
    }
    for (int64_t copy = 0; i < count; ++i, ++copy) add_one(bins[i], copy);
  }
  /// Adds how many each bin has to `sums`, and leaves none.
  void take(std::span<uint64_t, Histogram::kBins> sums);

 private:
  void add_one(int32_t bin, int64_t copy) {
    ++counts[static_cast<size_t>(bin)][static_cast<size_t>(copy)];
  }
};

/// to[i] += from[i].
void add_counts(uint64_t* to, const uint64_t* from, int64_t count);

/// Whether all elements are k/255 with integer k in 0..255, up to the last place.
bool are_bytes(const float* x, int64_t count);

/// Writes the byte b of each element that is b / 255.0f; whether all are, to the bit.
bool bytes_of_run(const float* x, int64_t count, uint8_t* bytes);

/// sums[c] += the elements of channel c over `rows` rows of `channels` each, row by row.
void add_rows(const float* x, int64_t rows, int64_t channels, float* sums);

}  // namespace tendon
