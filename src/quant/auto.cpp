// auto: asks the other algorithms and takes the range whose error behind the value's readers is
// least.
#include <algorithm>

#include "quant/algorithm.h"

namespace tendon {

double auto_range(const RangeQuestion& question) {
  if (!question.output_error) return mse_range(question);
  double best = question.magnitude();
  double least = question.output_error(best);
  const auto consider = [&](double amax) {
    const double error = question.output_error(amax);
    if (error >= least) return;
    least = error;
    best = amax;
  };
  for (const double share : {0.99999, 0.9999, 0.999}) {
    consider(percentile_range({question.statistics, share}));
  }
  consider(mse_range(question));
  consider(entropy2_range(question));
  return best;
}

}  // namespace tendon
