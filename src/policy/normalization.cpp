#include "policy/normalization.h"

#include <algorithm>
#include <cmath>

#include "base/format.h"

namespace tendon {
namespace {

struct ModeName {
  NormalizationMode mode;
  std::string_view name;
};
constexpr ModeName kModeNames[] = {
    {NormalizationMode::kIdentity, "IDENTITY"},     {NormalizationMode::kMeanStd, "MEAN_STD"},
    {NormalizationMode::kMinMax, "MIN_MAX"},        {NormalizationMode::kQuantiles, "QUANTILES"},
    {NormalizationMode::kQuantile10, "QUANTILE10"},
};

/// The statistics that become -1 and 1.
struct Ends {
  NormalizationMode mode;
  const char* low;
  const char* high;
};
constexpr Ends kEnds[] = {
    {NormalizationMode::kMinMax, "min", "max"},
    {NormalizationMode::kQuantiles, "q01", "q99"},
    {NormalizationMode::kQuantile10, "q10", "q90"},
};

const std::vector<float>& statistic(const FeatureStats& stats, const char* name, int64_t width,
                                    std::string_view place) {
  const auto found = stats.find(name);
  if (found == stats.end()) {
    fail_input("{}: statistic '{}' is missing, which its normalisation needs", place, name);
  }
  const std::vector<float>& values = found->second;
  if (static_cast<int64_t>(values.size()) != width) {
    fail_input("{}: statistic '{}' has {} values, expected {}", place, name, values.size(), width);
  }
  for (const float value : values) {
    if (!std::isfinite(value)) {
      fail_input("{}: statistic '{}' is not finite; it was never computed", place, name);
    }
  }
  return values;
}

/// What makes [low, high] into [-1, 1].
Scaling range_scaling(const Ends& ends, const FeatureStats& stats, int64_t width, float added,
                      float replaced, std::string_view place) {
  const std::vector<float>& low = statistic(stats, ends.low, width, place);
  const std::vector<float>& high = statistic(stats, ends.high, width, place);
  Scaling scaling;
  for (size_t i = 0; i < low.size(); ++i) {
    float range = high[i] - low[i] + added;
    if (range == 0) range = replaced;
    scaling.scale.push_back(range / 2);
  }
  scaling.center = low;
  scaling.offset = -1;
  return scaling;
}

}  // namespace

NormalizationMode normalization_mode_from_name(std::string_view name, std::string_view place) {
  for (const ModeName& row : kModeNames) {
    if (row.name == name) return row.mode;
  }
  fail(ErrorKind::kUnsupported, "{}: normalisation '{}'; Tendon knows {}", place, name,
       "IDENTITY, MEAN_STD, MIN_MAX, QUANTILES and QUANTILE10");
}

std::string_view to_string(NormalizationMode mode) {
  return std::ranges::find(kModeNames, mode, &ModeName::mode)->name;
}

Scaling input_scaling(NormalizationMode mode, const FeatureStats& stats, int64_t width,
                      float epsilon, ZeroRange zero_range, std::string_view place) {
  if (mode == NormalizationMode::kIdentity) return {};
  if (mode == NormalizationMode::kMeanStd) {
    Scaling scaling{statistic(stats, "mean", width, place), statistic(stats, "std", width, place),
                    0};
    for (float& std : scaling.scale) {
      if (std < 0) fail_input("{}: a standard deviation of {}", place, std);
      std += epsilon;
    }
    return scaling;
  }
  const float added = zero_range == ZeroRange::kAdded ? epsilon : 0;
  return range_scaling(*std::ranges::find(kEnds, mode, &Ends::mode), stats, width, added, epsilon,
                       place);
}

Scaling output_scaling(NormalizationMode mode, const FeatureStats& stats, int64_t width,
                       float epsilon, ZeroRange zero_range, std::string_view place) {
  if (mode == NormalizationMode::kIdentity) return {};
  if (mode == NormalizationMode::kMeanStd) {
    return {statistic(stats, "mean", width, place), statistic(stats, "std", width, place), 0};
  }
  const float replaced = zero_range == ZeroRange::kReplaced ? epsilon : 0;
  return range_scaling(*std::ranges::find(kEnds, mode, &Ends::mode), stats, width, 0, replaced,
                       place);
}

}  // namespace tendon
