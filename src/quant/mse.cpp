// mse: the range with the least mean squared error of the quantised elements.
#include <algorithm>
#include <array>
#include <limits>
#include <span>
#include <vector>

#include "quant/algorithm.h"

namespace tendon {
namespace {

constexpr int kCandidates = 256;
/// Bins that are looked at together.
constexpr size_t kBlock = 256;
/// Below this many bins a step the middle of a bin no longer stands for its elements.
constexpr double kFineStep = 4;

/// Elements that are not 0, by bin.
std::vector<double> counts_of(const ValueStatistics& statistics) {
  const auto used = static_cast<size_t>(statistics.histogram.used_bins());
  std::vector<double> counts(used);
  for (size_t bin = 0; bin < used; ++bin) {
    counts[bin] = static_cast<double>(statistics.histogram.counts()[bin]);
  }
  if (used > 0) counts[0] -= static_cast<double>(statistics.zeros);
  return counts;
}

/// The error with the range amax, or anything that is not less than `most`.
double squared_error(std::span<const double> counts, double width, double amax, int levels,
                     double most) {
  const double step = amax / levels;
  const double steps_per_one = 1 / step;
  const bool coarse = step < kFineStep * width;
  std::array<double, kBlock> errors;
  double error = 0;
  for (size_t start = 0; start < counts.size() && error < most; start += kBlock) {
    const size_t size = std::min(kBlock, counts.size() - start);
    for (size_t i = 0; i < size; ++i) {
      const double middle = width * (static_cast<double>(start + i) + 0.5);
      // Adding and taking away this rounds to an integer.
      const double code = (middle * steps_per_one + 0x1.8p52) - 0x1.8p52;
      const double off = middle - (middle > amax ? amax : step * code);
      const double count = counts[start + i];
      errors[i] = coarse && middle <= amax ? count * step * step / 12 : count * off * off;
    }
    for (size_t i = 0; i < size; ++i) error += errors[i];
  }
  return error;
}

}  // namespace

double mse_range(const RangeQuestion& question) {
  const std::vector<double> counts = counts_of(question.statistics);
  const double width = question.statistics.histogram.bin_width();
  double best = question.magnitude();
  double least = std::numeric_limits<double>::infinity();
  for (int i = kCandidates; i > 0; --i) {
    const double amax = question.magnitude() * i / kCandidates;
    const double error = squared_error(counts, width, amax, question.levels(), least);
    if (error < least) {
      least = error;
      best = amax;
    }
  }
  return best;
}

}  // namespace tendon
