// CompareFunc::simple: absolute and relative differences with tolerances.
#include <tendon/compare_func.h>

#include <algorithm>
#include <cmath>

#include "api/names.h"
#include "base/format.h"
#include "compare/comparable.h"
#include "compare/statistics.h"

namespace tendon {
namespace {

constexpr double kStandsForZero = 2.220446049250313e-16;

std::string_view name_of(ErrorStat stat) {
  switch (stat) {
    case ErrorStat::kElemwise: return "elemwise";
    case ErrorStat::kMax: return "max";
    case ErrorStat::kMean: return "mean";
    case ErrorStat::kMedian: return "median";
    case ErrorStat::kQuantile: return "quantile";
  }
  return "elemwise";
}

struct Settings {
  double atol, rtol;
  ErrorStat stat;
  double quantile;
};

/// Differences of two tensors of equal shape.
struct Differences {
  std::vector<double> absolute, relative;
};

Differences subtract(const Comparable& pair, bool infinities_compare_equal) {
  const size_t count = pair.tested.size();
  Differences result{std::vector<double>(count), std::vector<double>(count)};
  for (size_t i = 0; i < count; ++i) {
    const double a = pair.tested[i];
    const double b = pair.reference[i];
    const bool same_infinity = infinities_compare_equal && std::isinf(a) && a == b;
    result.absolute[i] = same_infinity ? 0 : std::abs(a - b);
    result.relative[i] =
        same_infinity ? 0 : result.absolute[i] / (b == 0 ? kStandsForZero : std::abs(b));
  }
  return result;
}

struct ErrorSummary {
  double max = 0, mean = 0, median = 0, quantile = 0;

  double of(ErrorStat stat) const {
    switch (stat) {
      case ErrorStat::kElemwise:
      case ErrorStat::kMax: return max;
      case ErrorStat::kMean: return mean;
      case ErrorStat::kMedian: return median;
      case ErrorStat::kQuantile: return quantile;
    }
    return max;
  }
};

ErrorSummary summarise(std::vector<double> differences, double quantile) {
  ErrorSummary result;
  if (differences.empty()) return result;
  for (const double difference : differences) result.mean += difference;
  result.mean /= static_cast<double>(differences.size());
  std::sort(differences.begin(), differences.end());
  result.max = differences.back();
  result.median = quantile_of_sorted(differences, 0.5);
  result.quantile = quantile_of_sorted(differences, quantile);
  return result;
}

void add_figures(OutputComparison& result, const ErrorSummary& summary, const char* suffix) {
  result.figures[fmt::format("max_{}", suffix)] = summary.max;
  result.figures[fmt::format("mean_{}", suffix)] = summary.mean;
  result.figures[fmt::format("median_{}", suffix)] = summary.median;
  result.figures[fmt::format("quantile_{}", suffix)] = summary.quantile;
}

/// How many elements exceed both tolerances, and the first of them.
struct Mismatches {
  size_t count = 0;
  size_t first = 0;
};

Mismatches find_mismatches(const Differences& differences, const Settings& settings) {
  Mismatches found;
  for (size_t i = 0; i < differences.absolute.size(); ++i) {
    if (differences.absolute[i] > settings.atol && differences.relative[i] > settings.rtol) {
      if (found.count++ == 0) found.first = i;
    }
  }
  return found;
}

std::string tolerance_line(const Settings& settings, const ErrorSummary& absolute,
                           const ErrorSummary& relative) {
  std::string text =
      fmt::format("Minimum Required Tolerance: {} error | [abs={:.5g}] OR [rel={:.5g}]",
                  name_of(settings.stat), absolute.of(settings.stat), relative.of(settings.stat));
  if (settings.stat == ErrorStat::kElemwise) {
    text += " (requirements may be lower if both abs/rel tolerances are set)";
  }
  if (settings.stat == ErrorStat::kQuantile)
    text += fmt::format(" (quantile={:.4g})", settings.quantile);
  return text;
}

OutputComparison compare(const Comparable& pair, const Settings& settings,
                         bool infinities_compare_equal) {
  OutputComparison result;
  const Differences differences = subtract(pair, infinities_compare_equal);
  const ErrorSummary absolute = summarise(differences.absolute, settings.quantile);
  const ErrorSummary relative = summarise(differences.relative, settings.quantile);
  add_figures(result, absolute, "absdiff");
  add_figures(result, relative, "reldiff");
  const std::string tolerances =
      fmt::format("tolerance (rel={:g}, abs={:g})", settings.rtol, settings.atol);
  if (settings.stat == ErrorStat::kElemwise) {
    const Mismatches found = find_mismatches(differences, settings);
    result.passed = found.count == 0;
    if (!result.passed) {
      result.reason = fmt::format(
          "Difference exceeds {} in {} of {} elements, first at {}: {:.7g}, expected {:.7g}",
          tolerances, found.count, pair.tested.size(), unravel_index(found.first, pair.shape),
          pair.tested[found.first], pair.reference[found.first]);
    }
  } else {
    const double abs_error = absolute.of(settings.stat);
    const double rel_error = relative.of(settings.stat);
    result.passed = !(abs_error > settings.atol && rel_error > settings.rtol);
    if (!result.passed) {
      result.reason = fmt::format("The {} difference (rel={:.5g}, abs={:.5g}) exceeds {}",
                                  name_of(settings.stat), rel_error, abs_error, tolerances);
    }
  }
  if (result.passed) result.reason = "Difference is within " + tolerances;

  const Tensor absolute_tensor = Tensor::from(pair.shape, differences.absolute);
  const Tensor relative_tensor = Tensor::from(pair.shape, differences.relative);
  result.details = {tolerance_line(settings, absolute, relative)};
  for (const auto& [name, tensor] :
       {std::pair{"Absolute", &absolute_tensor}, std::pair{"Relative", &relative_tensor}}) {
    result.details.push_back(
        fmt::format("{} Difference | Stats: {}", name, to_string(compute_statistics(*tensor))));
    if (!result.passed) result.details.push_back(describe_values(*tensor));
  }
  return result;
}

template <class T>
void add_names(std::vector<std::string>& names, const PerOutput<T>& values) {
  for (const auto& [name, value] : values.values()) {
    if (!name.empty()) names.push_back(name);
  }
}

void check_options(const SimpleOptions& options) {
  for (const auto* tolerance : {&options.atol, &options.rtol}) {
    for (const auto& [name, value] : tolerance->values()) {
      if (!(value >= 0)) {
        fail(ErrorKind::kUsage, "CompareFunc::simple: a tolerance of {}; expected 0 or more",
             value);
      }
    }
  }
  for (const auto& [name, value] : options.error_quantile.values()) {
    if (!(value >= 0 && value <= 1)) {
      fail(ErrorKind::kUsage, "CompareFunc::simple: .error_quantile is {}; expected 0 to 1", value);
    }
  }
}

}  // namespace

double OutputComparison::figure(std::string_view name) const {
  const auto found = figures.find(name);
  if (found != figures.end()) return found->second;
  std::vector<std::string> names;
  for (const auto& [key, value] : figures) names.push_back(key);
  fail(ErrorKind::kUsage, "this comparison has no figure '{}'; it has {}", name,
       quoted_list(names));
}

CompareFunc CompareFunc::simple(SimpleOptions options) {
  check_options(options);
  std::vector<std::string> named;
  add_names(named, options.atol);
  add_names(named, options.rtol);
  add_names(named, options.check_error_stat);
  add_names(named, options.error_quantile);
  return CompareFunc(
      [options = std::move(options)](std::string_view output, const Tensor& tested,
                                     const Tensor& reference) {
        Comparable pair;
        if (auto refused =
                make_comparable(tested, reference, pair, options.infinities_compare_equal)) {
          return *refused;
        }
        const Settings settings{options.atol.get(output, 1e-5), options.rtol.get(output, 1e-5),
                                options.check_error_stat.get(output, ErrorStat::kElemwise),
                                options.error_quantile.get(output, 0.99)};
        return compare(pair, settings, options.infinities_compare_equal);
      },
      std::move(named));
}

}  // namespace tendon
