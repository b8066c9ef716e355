// entropy: the cut that loses the least information, all elements counted.
#include <algorithm>

#include "quant/algorithm.h"
#include "quant/information_loss.h"

namespace tendon {

double entropy_range(const RangeQuestion& question) {
  const Histogram& histogram = question.statistics.histogram;
  const auto used = static_cast<size_t>(histogram.used_bins());
  const int cut =
      least_information_loss(std::span(histogram.counts()).first(used), question.levels());
  return std::min(histogram.bin_width() * cut, question.magnitude());
}

}  // namespace tendon
