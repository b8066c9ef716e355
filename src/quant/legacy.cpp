// legacy: where the tail, drawn on as a straight line in the logarithm of its counts, would hold no
// element any more; not below the quantile. TensorRT never published its rule, this one is ours.
#include <algorithm>
#include <cmath>

#include "quant/algorithm.h"

namespace tendon {
namespace {

/// Least squares of log(count) over the occupied bins of the tail; where the line reaches one
/// element. The magnitude where there is no falling line.
double end_of_tail(const RangeQuestion& question) {
  const Histogram& histogram = question.statistics.histogram;
  const double start = question.regression_cutoff * question.magnitude();
  double n = 0, x_sum = 0, y_sum = 0, xx_sum = 0, xy_sum = 0;
  const int used = histogram.used_bins();
  for (int bin = 0; bin < used; ++bin) {
    const double x = histogram.bin_width() * (bin + 0.5);
    if (x < start || histogram.count(bin) == 0) continue;
    const double y = std::log(static_cast<double>(histogram.count(bin)));
    n += 1;
    x_sum += x;
    y_sum += y;
    xx_sum += x * x;
    xy_sum += x * y;
  }
  const double spread = n * xx_sum - x_sum * x_sum;
  if (n < 2 || spread <= 0) return question.magnitude();
  const double slope = (n * xy_sum - x_sum * y_sum) / spread;
  if (slope >= 0) return question.magnitude();
  return x_sum / n - y_sum / n / slope;
}

}  // namespace

double legacy_range(const RangeQuestion& question) {
  const double least = std::min(question.statistics.histogram.edge_covering(question.quantile),
                                question.magnitude());
  return std::clamp(end_of_tail(question), least, question.magnitude());
}

}  // namespace tendon
