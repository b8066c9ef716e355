// percentile: the smallest edge of a bin that covers a share of the elements.
#include <algorithm>

#include "quant/algorithm.h"

namespace tendon {

double percentile_range(const RangeQuestion& question) {
  return std::min(question.statistics.histogram.edge_covering(question.quantile),
                  question.magnitude());
}

}  // namespace tendon
