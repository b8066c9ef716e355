// Statistics of tensors and their text, in Polygraphy's manner.
#include "compare/statistics.h"

#include <tendon/compare_func.h>

#include <algorithm>
#include <cmath>

#include "base/format.h"

namespace tendon {
namespace {

constexpr int kBins = 10;
constexpr int kBarWidth = 40;
constexpr size_t kFewValues = 100;

std::vector<double> finite_values(const Tensor& tensor) {
  std::vector<double> values = to_doubles(tensor);
  std::erase_if(values, [](double value) { return !std::isfinite(value); });
  return values;
}

std::string histogram(const std::vector<double>& values) {
  if (values.empty()) return "no finite element";
  const auto [low, high] = std::minmax_element(values.begin(), values.end());
  const double first = *low;
  const double width = *high > first ? (*high - first) / kBins : 1.0;
  std::vector<size_t> counts(kBins);
  for (const double value : values) {
    const int bin = static_cast<int>((value - first) / width);
    ++counts[static_cast<size_t>(std::clamp(bin, 0, kBins - 1))];
  }
  const size_t most = *std::max_element(counts.begin(), counts.end());
  std::string text =
      fmt::format("---- Histogram ----\n{:<24}|  Num Elems | Visualization", "Bin Range");
  for (int bin = 0; bin < kBins; ++bin) {
    const size_t count = counts[static_cast<size_t>(bin)];
    const std::string bar(kBarWidth * count / most, '#');
    text += fmt::format("\n({:<9.3g}, {:<9.3g}) | {:>10} | {}", first + bin * width,
                        first + (bin + 1) * width, count, bar);
  }
  return text;
}

}  // namespace

double quantile_of_sorted(std::span<const double> sorted, double quantile) {
  const double position = quantile * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<size_t>(position);
  const size_t above = std::min(below + 1, sorted.size() - 1);
  const double share = position - static_cast<double>(below);
  return sorted[below] + share * (sorted[above] - sorted[below]);
}

Shape unravel_index(size_t index, const Shape& shape) {
  Shape place = shape;
  auto rest = static_cast<int64_t>(index);
  for (int axis = shape.rank() - 1; axis >= 0; --axis) {
    place[axis] = rest % shape[axis];
    rest /= shape[axis];
  }
  return place;
}

NonFinite find_non_finite(std::span<const double> values, const Shape& shape) {
  NonFinite found;
  for (size_t i = 0; i < values.size(); ++i) {
    if (std::isfinite(values[i])) continue;
    const bool nan = std::isnan(values[i]);
    int64_t& count = nan ? found.nan_count : found.inf_count;
    if (count++ == 0) (nan ? found.first_nan : found.first_inf) = unravel_index(i, shape);
  }
  return found;
}

std::string to_string(const NonFinite& found) {
  std::string text;
  if (found.nan_count > 0) {
    text = fmt::format("{} NaN, first at {}", found.nan_count, found.first_nan);
  }
  if (found.inf_count > 0) {
    text += fmt::format("{}{} Inf, first at {}", text.empty() ? "" : " and ", found.inf_count,
                        found.first_inf);
  }
  return text;
}

TensorStatistics compute_statistics(const Tensor& tensor) {
  TensorStatistics result;
  std::vector<double> values = to_doubles(tensor);
  const NonFinite non_finite = find_non_finite(values, tensor.shape());
  result.nan_count = non_finite.nan_count;
  result.inf_count = non_finite.inf_count;
  result.count = static_cast<int64_t>(values.size()) - result.nan_count - result.inf_count;
  if (result.count == 0) return result;

  double sum = 0;
  double magnitude = 0;
  result.min = INFINITY;
  result.max = -INFINITY;
  for (size_t i = 0; i < values.size(); ++i) {
    const double value = values[i];
    if (!std::isfinite(value)) continue;
    sum += value;
    magnitude += std::abs(value);
    if (value < result.min) {
      result.min = value;
      result.min_index = unravel_index(i, tensor.shape());
    }
    if (value > result.max) {
      result.max = value;
      result.max_index = unravel_index(i, tensor.shape());
    }
  }
  const auto count = static_cast<double>(result.count);
  result.mean = sum / count;
  result.average_magnitude = magnitude / count;
  std::erase_if(values, [](double value) { return !std::isfinite(value); });
  double squares = 0;
  for (const double value : values) squares += (value - result.mean) * (value - result.mean);
  result.variance = squares / count;
  result.std_dev = std::sqrt(result.variance);
  std::sort(values.begin(), values.end());
  result.median = quantile_of_sorted(values, 0.5);
  result.p90 = quantile_of_sorted(values, 0.90);
  result.p95 = quantile_of_sorted(values, 0.95);
  result.p99 = quantile_of_sorted(values, 0.99);
  return result;
}

std::string to_string(const TensorStatistics& s) {
  std::string text = fmt::format(
      "mean={:.5g}, std-dev={:.5g}, var={:.5g}, median={:.5g}, min={:.5g} at {}, max={:.5g} at {}, "
      "avg-magnitude={:.5g}, p90={:.5g}, p95={:.5g}, p99={:.5g}",
      s.mean, s.std_dev, s.variance, s.median, s.min, s.min_index, s.max, s.max_index,
      s.average_magnitude, s.p90, s.p95, s.p99);
  if (s.nan_count > 0) text += fmt::format(", NaN={}", s.nan_count);
  if (s.inf_count > 0) text += fmt::format(", Inf={}", s.inf_count);
  return text;
}

std::string describe_values(const Tensor& tensor) {
  if (static_cast<size_t>(tensor.size()) <= kFewValues) {
    return fmt::format("---- Values ----\n[{:.6g}]", fmt::join(to_doubles(tensor), ", "));
  }
  return histogram(finite_values(tensor));
}

}  // namespace tendon
