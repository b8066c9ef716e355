// entropy2: as entropy, but exact zeros, which every scale represents, have no say. Behind a ReLU
// they would be most of the elements.
#include <algorithm>
#include <vector>

#include "quant/algorithm.h"
#include "quant/information_loss.h"

namespace tendon {

double entropy2_range(const RangeQuestion& question) {
  const Histogram& histogram = question.statistics.histogram;
  std::vector<uint64_t> counts(histogram.counts().begin(),
                               histogram.counts().begin() + histogram.used_bins());
  counts.front() -= question.statistics.zeros;
  const int cut = least_information_loss(counts, question.levels());
  return std::min(histogram.bin_width() * cut, question.magnitude());
}

}  // namespace tendon
