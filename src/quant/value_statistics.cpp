#include "quant/value_statistics.h"

#include <algorithm>
#include <cmath>

#include "base/format.h"

namespace tendon {

std::vector<double> ValueStatistics::channel_means() const {
  std::vector<double> means;
  if (count == 0 || non_finite > 0) return means;
  const double elements = static_cast<double>(count) / static_cast<double>(channel_sums.size());
  for (const ExactSum& sum : channel_sums) means.push_back(sum.value() / elements);
  return means;
}

double ValueStatistics::saturated_share(double amax) const {
  if (count == 0 || amax >= static_cast<double>(magnitude())) return 0;
  uint64_t inside = 0;
  for (int bin = 0; bin < Histogram::kBins && histogram.bin_width() * bin < amax; ++bin) {
    inside += histogram.count(bin);
  }
  return 1 - static_cast<double>(inside) / static_cast<double>(count);
}

void ValueStatistics::reset(size_t channels, bool track_bytes, int exponent) {
  histogram.reset(exponent);
  count = zeros = non_finite = 0;
  min = std::numeric_limits<float>::infinity();
  max = -min;
  byte_exact = track_bytes;
  channel_sums.assign(channels, ExactSum());
}

void ValueStatistics::merge(const ValueStatistics& other) {
  histogram.merge(other.histogram);
  count += other.count;
  zeros += other.zeros;
  non_finite += other.non_finite;
  min = std::min(min, other.min);
  max = std::max(max, other.max);
  byte_exact = byte_exact && other.byte_exact;
  if (channel_sums.size() != other.channel_sums.size()) {
    channel_sums.clear();
    return;
  }
  for (size_t i = 0; i < channel_sums.size(); ++i) channel_sums[i].add(other.channel_sums[i]);
}

}  // namespace tendon
