#include "quant/algorithm.h"

#include <algorithm>
#include <vector>

#include "base/format.h"

namespace tendon {
namespace {

using enum CalibrationAlgorithm;
constexpr AlgorithmRow kRows[] = {
    {kEntropy2, "entropy2", "EntropyCalibration2", entropy2_range, 1, 1},
    {kEntropy, "entropy", "EntropyCalibration", entropy_range, 1, 1},
    {kMinMax, "minmax", "MinMaxCalibration", minmax_range, 1, 1},
    {kLegacy, "legacy", "LegacyCalibration", legacy_range, 0.5, 0.5},
    {kPercentile, "percentile", "EntropyCalibration2", percentile_range, 0.9999, 1},
    {kMse, "mse", "EntropyCalibration2", mse_range, 1, 1},
    {kAuto, "auto", "EntropyCalibration2", auto_range, 1, 1},
};

void check_share(const std::optional<double>& share, std::string_view what, bool read,
                 const AlgorithmRow& row) {
  if (!share) return;
  if (!read) {
    fail(ErrorKind::kUsage, "algorithm '{}' has no {}; leave it out, or choose {}", row.name, what,
         what == "quantile" ? "legacy or percentile" : "legacy");
  }
  if (!(*share > 0 && *share <= 1)) {
    fail(ErrorKind::kUsage, "the {} is {}, expected more than 0 and at most 1, such as {}", what,
         *share, what == "quantile" ? "0.9999" : "0.5");
  }
}

}  // namespace

std::span<const AlgorithmRow> algorithm_table() { return kRows; }

const AlgorithmRow& row_of(CalibrationAlgorithm algorithm) {
  return *std::ranges::find(kRows, algorithm, &AlgorithmRow::algorithm);
}

std::string_view name_of(CalibrationAlgorithm algorithm) { return row_of(algorithm).name; }

CalibrationAlgorithm calibration_algorithm_from_name(std::string_view name) {
  const auto* found = std::ranges::find(kRows, name, &AlgorithmRow::name);
  if (found != std::end(kRows)) return found->algorithm;
  std::vector<std::string_view> names;
  for (const AlgorithmRow& row : kRows) names.push_back(row.name);
  fail(ErrorKind::kUsage, "there is no calibration algorithm '{}'; expected {}", name,
       fmt::join(names, ", "));
}

void check(const RangeOptions& options) {
  const AlgorithmRow& row = row_of(options.algorithm);
  const bool legacy = options.algorithm == kLegacy;
  check_share(options.quantile, "quantile", legacy || options.algorithm == kPercentile, row);
  check_share(options.regression_cutoff, "regression cutoff", legacy, row);
}

}  // namespace tendon
