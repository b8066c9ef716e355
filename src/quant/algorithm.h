// The calibration algorithms: each finds the range of one value from what was seen of it.
#pragma once

#include <tendon/calibration.h>

#include <functional>
#include <span>
#include <string_view>

#include "quant/value_statistics.h"

namespace tendon {

/// What an algorithm is asked.
struct RangeQuestion {
  /// Of a value that was not always 0.
  const ValueStatistics& statistics;
  double quantile = 1;
  double regression_cutoff = 1;
  /// The error of what reads the value when it is clipped to [-amax, amax] and quantised; empty
  /// where nothing was sampled.
  std::function<double(double amax)> output_error = {};

  double magnitude() const { return static_cast<double>(statistics.magnitude()); }
  /// Codes above 0: 255 where the value is never negative, else 127.
  int levels() const { return statistics.min >= 0 ? 255 : 127; }
};

double minmax_range(const RangeQuestion& question);
double entropy_range(const RangeQuestion& question);
double entropy2_range(const RangeQuestion& question);
double legacy_range(const RangeQuestion& question);
double percentile_range(const RangeQuestion& question);
double mse_range(const RangeQuestion& question);
double auto_range(const RangeQuestion& question);

struct AlgorithmRow {
  CalibrationAlgorithm algorithm;
  std::string_view name;
  /// In the first line of TensorRT's caches; the nearest one where TensorRT has no such algorithm.
  std::string_view tensorrt_name;
  /// Above 0 and at most the magnitude, give or take a bin.
  double (*find)(const RangeQuestion& question);
  double quantile;
  double regression_cutoff;
};
std::span<const AlgorithmRow> algorithm_table();
const AlgorithmRow& row_of(CalibrationAlgorithm algorithm);

/// Throws Error{kUsage} for a quantile or cutoff outside (0, 1], or one that the algorithm does not
/// read.
void check(const RangeOptions& options);

}  // namespace tendon
