// mse: the range with the least mean squared error of the quantised elements.
#include <algorithm>
#include <cmath>
#include <limits>

#include "quant/algorithm.h"

namespace tendon {
namespace {

constexpr int kCandidates = 256;
/// Below this many bins a step the middle of a bin no longer stands for its elements.
constexpr double kFineStep = 4;

double squared_error(const RangeQuestion& question, int used, double amax) {
  const Histogram& histogram = question.statistics.histogram;
  const double step = amax / question.levels();
  const bool coarse = step < kFineStep * histogram.bin_width();
  double error = 0;
  for (int bin = 0; bin < used; ++bin) {
    double count = static_cast<double>(histogram.count(bin));
    if (bin == 0) count -= static_cast<double>(question.statistics.zeros);
    if (count <= 0) continue;
    const double middle = histogram.bin_width() * (bin + 0.5);
    if (middle > amax) {
      error += count * (middle - amax) * (middle - amax);
    } else if (coarse) {
      error += count * step * step / 12;
    } else {
      const double off = middle - step * std::nearbyint(middle / step);
      error += count * off * off;
    }
  }
  return error;
}

}  // namespace

double mse_range(const RangeQuestion& question) {
  const int used = question.statistics.histogram.used_bins();
  double best = question.magnitude();
  double least = squared_error(question, used, best);
  for (int i = kCandidates - 1; i > 0; --i) {
    const double amax = question.magnitude() * i / kCandidates;
    const double error = squared_error(question, used, amax);
    if (error < least) {
      least = error;
      best = amax;
    }
  }
  return best;
}

}  // namespace tendon
