// CompareFunc::distance_metrics, quality_metrics and indices.
#include <tendon/compare_func.h>

#include <cmath>

#include "base/data_type.h"
#include "compare/comparable.h"
#include "compare/statistics.h"

namespace tendon {
namespace {

/// Ratio of a power to the noise's in dB; infinite without noise.
double decibel(double power, double noise) {
  return noise == 0 ? INFINITY : 10.0 * std::log10(power / noise);
}

/// Notes a figure and whether it keeps its limit.
void check(OutputComparison& result, const char* figure, std::string_view label, double value,
           std::optional<double> limit, bool higher_is_better) {
  result.figures[figure] = value;
  if (!limit) return;
  const bool held = higher_is_better ? value >= *limit : value <= *limit;
  result.passed = result.passed && held;
  result.reason += fmt::format("{}{} {:.6g} {} {:g}", result.reason.empty() ? "" : ", ", label,
                               value, held ? "keeps" : "misses", *limit);
}

double sum_of_squares(const std::vector<double>& values) {
  double sum = 0;
  for (const double value : values) sum += value * value;
  return sum;
}

std::vector<double> difference(const Comparable& pair) {
  std::vector<double> result(pair.tested.size());
  for (size_t i = 0; i < result.size(); ++i) result[i] = pair.tested[i] - pair.reference[i];
  return result;
}

double cosine_similarity(const Comparable& pair) {
  const double tested = std::sqrt(sum_of_squares(pair.tested));
  const double reference = std::sqrt(sum_of_squares(pair.reference));
  if (tested == 0 && reference == 0) return 1;
  if (tested == 0 || reference == 0) return 0;
  double dot = 0;
  for (size_t i = 0; i < pair.tested.size(); ++i) {
    dot += pair.tested[i] / tested * (pair.reference[i] / reference);
  }
  return dot;
}

/// Index comparison of one row: each tested index must stand near its place in the reference.
struct Shift {
  int64_t worst = 0;
  size_t at = 0;
  bool missing = false;
};

Shift largest_shift(std::span<const double> tested, std::span<const double> reference) {
  Shift shift;
  for (size_t i = 0; i < tested.size(); ++i) {
    int64_t nearest = -1;
    for (size_t k = 0; k < reference.size(); ++k) {
      const int64_t distance = std::abs(static_cast<int64_t>(i) - static_cast<int64_t>(k));
      if (tested[i] == reference[k] && (nearest < 0 || distance < nearest)) nearest = distance;
    }
    if (nearest < 0) return {0, i, true};
    if (nearest > shift.worst) shift = {nearest, i, false};
  }
  return shift;
}

OutputComparison compare_indices(const Comparable& pair, int64_t tolerance) {
  OutputComparison result;
  const size_t width = pair.shape.rank() == 0 ? 1 : static_cast<size_t>(pair.shape.back());
  Shift worst;
  for (size_t row = 0; row < pair.tested.size() && !worst.missing; row += width) {
    Shift shift =
        largest_shift({pair.tested.data() + row, width}, {pair.reference.data() + row, width});
    shift.at += row;
    if (shift.missing || shift.worst > worst.worst) worst = shift;
  }
  result.passed = !worst.missing && worst.worst <= tolerance;
  result.figures["max_index_shift"] = static_cast<double>(worst.worst);
  if (worst.missing) {
    result.reason = fmt::format("Index {} at {} is not in the reference", pair.tested[worst.at],
                                unravel_index(worst.at, pair.shape));
  } else {
    result.reason =
        fmt::format("Indices move by at most {} places, {} allowed", worst.worst, tolerance);
  }
  return result;
}

template <class Compare>
CompareFunc gated(Compare compare) {
  return CompareFunc([compare](std::string_view, const Tensor& tested, const Tensor& reference) {
    Comparable pair;
    if (auto refused = make_comparable(tested, reference, pair)) return *refused;
    return compare(pair);
  });
}

}  // namespace

CompareFunc CompareFunc::distance_metrics(DistanceOptions options) {
  return gated([options](const Comparable& pair) {
    OutputComparison result;
    result.passed = true;
    const double l2 = std::sqrt(sum_of_squares(difference(pair)));
    check(result, "l2", "L2 distance", l2, options.l2_tolerance, false);
    check(result, "cosine_similarity", "cosine similarity", cosine_similarity(pair),
          options.cosine_similarity_threshold, true);
    return result;
  });
}

CompareFunc CompareFunc::quality_metrics(QualityOptions options) {
  return gated([options](const Comparable& pair) {
    OutputComparison result;
    result.passed = true;
    const double count = std::max(1.0, static_cast<double>(pair.tested.size()));
    const double noise = sum_of_squares(difference(pair)) / count;
    double peak = 0;
    for (const double value : pair.reference) peak = std::max(peak, std::abs(value));
    check(result, "psnr", "PSNR in dB", decibel(peak * peak, noise), options.psnr_tolerance, true);
    check(result, "snr", "SNR in dB", decibel(sum_of_squares(pair.reference) / count, noise),
          options.snr_tolerance, true);
    return result;
  });
}

CompareFunc CompareFunc::indices(IndicesOptions options) {
  return CompareFunc(
      [options](std::string_view output, const Tensor& tested, const Tensor& reference) {
        if (is_floating(tested.dtype()) || is_floating(reference.dtype())) {
          fail(ErrorKind::kUsage, "CompareFunc::indices: output '{}' is {}; expected integers",
               output, tested.dtype());
        }
        Comparable pair;
        if (auto refused = make_comparable(tested, reference, pair)) return *refused;
        return compare_indices(pair, options.index_tolerance);
      });
}

}  // namespace tendon
