// CompareFunc: how one output is held against another.
#pragma once

#include <tendon/tensor.h>

#include <functional>
#include <initializer_list>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tendon {

/// Figures of one tensor, computed in double over its finite elements.
struct TensorStatistics {
  int64_t count = 0;  ///< finite elements
  int64_t nan_count = 0;
  int64_t inf_count = 0;
  double mean = 0;
  double std_dev = 0;   ///< of the population, as numpy's std
  double variance = 0;  ///< of the population
  double median = 0;
  double min = 0;
  double max = 0;
  double average_magnitude = 0;
  double p90 = 0, p95 = 0, p99 = 0;  ///< interpolated as numpy.quantile does
  Shape min_index, max_index;        ///< the first of equals
};
TensorStatistics compute_statistics(const Tensor& tensor);
/// "mean=0.35995, std-dev=0.25784, …, p99=0.71123"
std::string to_string(const TensorStatistics& statistics);
/// Ten lines of equal bins over the finite elements, or all elements when there are at most 100.
std::string describe_values(const Tensor& tensor);

/// One value for all outputs, or one by output name with "" for all others.
template <class T>
class PerOutput {
 public:
  PerOutput(T value) : values_{{"", std::move(value)}} {}
  PerOutput(std::initializer_list<std::pair<const std::string, T>> values) : values_(values) {}
  PerOutput(std::map<std::string, T, std::less<>> values) : values_(std::move(values)) {}

  T get(std::string_view output, T preset) const {
    auto found = values_.find(output);
    if (found == values_.end()) found = values_.find(std::string_view());
    return found == values_.end() ? preset : found->second;
  }
  const std::map<std::string, T, std::less<>>& values() const { return values_; }

 private:
  std::map<std::string, T, std::less<>> values_;
};

/// Which statistic of the error is held against the tolerances.
enum class ErrorStat {
  kElemwise,  ///< every element
  kMax,
  kMean,
  kMedian,
  kQuantile,
};

struct SimpleOptions {
  /// Fails where abs > atol and rel > rtol, with abs = |a - b| and rel = abs / |b| (b: the
  /// reference; a zero counts as 2.2e-16). kElemwise tests each element, the others test their
  /// statistic of abs and of rel.
  PerOutput<double> atol = 1e-5;
  PerOutput<double> rtol = 1e-5;
  PerOutput<ErrorStat> check_error_stat = ErrorStat::kElemwise;
  PerOutput<double> error_quantile = 0.99;
  /// Infinities of the same sign count as equal; otherwise they fail.
  bool infinities_compare_equal = false;
};

struct DistanceOptions {
  /// Largest Euclidean distance, which grows with the number of elements; nullopt: not checked.
  std::optional<double> l2_tolerance = 1e-5;
  std::optional<double> cosine_similarity_threshold = 0.997;
};

struct QualityOptions {
  /// Smallest ratios in dB; nullopt: not checked. The peak is the largest magnitude of the
  /// reference.
  std::optional<double> psnr_tolerance = 30;
  std::optional<double> snr_tolerance = 20;
};

struct IndicesOptions {
  /// How far an index may move along the last axis.
  int64_t index_tolerance = 0;
};

/// The verdict on one output. Its truth is "passed".
struct OutputComparison {
  bool passed = false;
  /// One sentence: which tolerance held, or what failed, where, found and expected.
  std::string reason;
  /// By name: max_absdiff, mean_absdiff, median_absdiff, quantile_absdiff, the same of reldiff;
  /// l2, cosine_similarity; psnr, snr; max_index_shift; and 1 for missing, nan, inf.
  std::map<std::string, double, std::less<>> figures;
  /// Lines for the log, such as the error's statistics.
  std::vector<std::string> details;

  explicit operator bool() const { return passed; }
  /// Throws Error{kUsage} naming the figures there are.
  double figure(std::string_view name) const;
};

/// Compares an output with the reference's output of the same name. Every form fails, and names it
/// so, when shapes differ or either side holds NaN, or Inf where it is not said to be equal.
class CompareFunc {
 public:
  using Function = std::function<OutputComparison(std::string_view output, const Tensor& tested,
                                                  const Tensor& reference)>;
  /// `named_outputs`: outputs with settings of their own; it is an error if one does not exist.
  explicit CompareFunc(Function function, std::vector<std::string> named_outputs = {})
      : function_(std::move(function)), named_outputs_(std::move(named_outputs)) {}

  static CompareFunc simple(SimpleOptions options = {});
  static CompareFunc distance_metrics(DistanceOptions options = {});
  static CompareFunc quality_metrics(QualityOptions options = {});
  static CompareFunc indices(IndicesOptions options = {});

  OutputComparison operator()(std::string_view output, const Tensor& tested,
                              const Tensor& reference) const {
    return function_(output, tested, reference);
  }
  const std::vector<std::string>& named_outputs() const { return named_outputs_; }

 private:
  Function function_;
  std::vector<std::string> named_outputs_;
};

}  // namespace tendon
