#include "quant/choose_ranges.h"

#include <algorithm>
#include <cmath>

#include "base/format.h"
#include "base/parallel.h"
#include "quant/algorithm.h"
#include "quant/output_error.h"

namespace tendon {
namespace {

double amax_of(const std::string& source, const Calibration::Data& data,
               std::span<const Consumer> consumers) {
  const ValueStatistics& statistics = data.statistics.find(source)->second;
  const RangeOptions& options = data.info.range;
  if (statistics.magnitude() == 0) return 1;
  // Pixels are codes already: with this range each is represented exactly.
  if (statistics.byte_exact) return 1;
  const AlgorithmRow& row = row_of(options.algorithm);
  RangeQuestion question{statistics, options.quantile.value_or(row.quantile),
                         options.regression_cutoff.value_or(row.regression_cutoff)};
  if (options.algorithm == CalibrationAlgorithm::kAuto) {
    question.output_error = output_error(consumers, data.samples, source, question.levels());
  }
  return row.find(question);
}

TensorRange range_of(const CalibratedValue& value, const ValueStatistics& statistics, double amax) {
  const double a = value.factor * static_cast<double>(statistics.min);
  const double b = value.factor * static_cast<double>(statistics.max);
  TensorRange range{storable_amax(amax * std::fabs(value.factor)), std::min(a, b), std::max(a, b)};
  if (value.has_channels) range.channel_mean = statistics.channel_means();
  for (double& mean : range.channel_mean) mean *= value.factor;
  range.byte_exact = statistics.byte_exact && value.factor == 1;
  return range;
}

}  // namespace

Ranges choose_ranges(const Calibration::Data& data, std::span<const Consumer> consumers) {
  std::vector<const std::string*> sources;
  std::map<std::string_view, size_t> positions;
  for (const auto& [name, statistics] : data.statistics) {
    if (statistics.count == 0) {
      fail_input("nothing was observed of '{}'; calibrate with at least one frame", name);
    }
    positions[name] = sources.size();
    sources.push_back(&name);
  }
  std::vector<double> amax(sources.size());
  parallel_for(static_cast<int64_t>(sources.size()), 1, [&](int64_t begin, int64_t end) {
    for (auto i = static_cast<size_t>(begin); i < static_cast<size_t>(end); ++i) {
      amax[i] = amax_of(*sources[i], data, consumers);
    }
  });
  Ranges ranges;
  for (const CalibratedValue& value : data.values) {
    if (value.source.empty()) {
      ranges[value.name] = {storable_amax(1), 0, 1};
      continue;
    }
    const auto& statistics = data.statistics.find(value.source)->second;
    ranges[value.name] = range_of(value, statistics, amax[positions.at(value.source)]);
  }
  return ranges;
}

}  // namespace tendon
