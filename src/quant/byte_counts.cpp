#include "quant/byte_counts.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>

#include "base/parallel.h"
#include "quant/counting.h"

namespace tendon {
namespace {

/// Neighbouring pixels are often equal; they take several counts in turn, which spares the wait for
/// the store before.
constexpr size_t kCopies = 8;

/// False at the first run that holds anything but bytes.
bool count_plane(const float* x, int64_t size, std::array<uint64_t, 256>& counts) {
  std::array<std::array<uint32_t, kCopies>, 256> copies{};
  std::array<uint8_t, kRun> bytes;
  for (int64_t at = 0; at < size; at += kRun) {
    const auto now = static_cast<size_t>(std::min(kRun, size - at));
    if (!bytes_of_run(x + at, static_cast<int64_t>(now), bytes.data())) return false;
    for (size_t i = 0; i < now; ++i) ++copies[bytes[i]][i % kCopies];
  }
  for (size_t byte = 0; byte < counts.size(); ++byte) {
    counts[byte] = 0;
    for (const uint32_t count : copies[byte]) counts[byte] += count;
  }
  return true;
}

}  // namespace

bool ByteCounts::count(const float* elements, size_t planes, int64_t plane) {
  counts_.resize(planes);
  plane_ = plane;
  std::atomic<bool> good = true;
  parallel_for(static_cast<int64_t>(planes), 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end && good; ++i) {
      if (!count_plane(elements + i * plane, plane, counts_[static_cast<size_t>(i)])) good = false;
    }
  });
  if (!good) forget();
  return good;
}

void ByteCounts::add_to(ValueStatistics& statistics, const AxisSplit& split,
                        std::span<const float> offsets) const {
  for (size_t plane = 0; plane < counts_.size(); ++plane) {
    const int64_t position = static_cast<int64_t>(plane) * plane_ / split.inner;
    auto& sums = statistics.channel_sums;
    for (size_t byte = 0; byte < counts_[plane].size(); ++byte) {
      const uint64_t count = counts_[plane][byte];
      if (count == 0) continue;
      const float value = static_cast<float>(byte) / 255.0f - offsets[plane];
      statistics.count += count;
      if (value == 0) statistics.zeros += count;
      statistics.min = std::min(statistics.min, value);
      statistics.max = std::max(statistics.max, value);
      statistics.histogram.widen(Histogram::exponent_for(std::fabs(value)));
      statistics.histogram.add(std::fabs(value), count);
      if (sums.empty()) continue;
      const auto channel = static_cast<size_t>(position % split.count);
      if (!sums[channel].add(static_cast<double>(value) * static_cast<double>(count))) sums.clear();
    }
  }
}

}  // namespace tendon
