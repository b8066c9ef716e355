// Reads the JSON that calibration writes beside its cache: histograms and chosen ranges.
#include <tendon/report.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <numeric>

#include "base/file.h"
#include "base/format.h"
#include "base/json.h"
#include "base/limits.h"

namespace tendon {
namespace {

constexpr size_t kMostBins = 4096;
constexpr size_t kShownBins = 128;
constexpr int64_t kMostExponent = 128;

const Json& object_member(const Json& object, std::string_view key, const std::string& place) {
  const Json& member = json_member(object, key, place);
  if (!member.is_object()) {
    fail_input("{}: '{}' is {}, expected an object", place, key, member.type_name());
  }
  return member;
}

double number_member(const Json& object, std::string_view key, const std::string& place) {
  return json_number(json_member(object, key, place), fmt::format("{}: '{}'", place, key));
}

struct Spread {
  double range = 0;
  std::vector<double> counts;
};

Spread spread_from(const Json& json, const std::string& place) {
  const int64_t exponent =
      json_integer(json_member(json, "exponent", place), place + ": 'exponent'");
  const Json& list = json_member(json, "counts", place);
  if (std::abs(exponent) > kMostExponent || !list.is_array() || list.size() > kMostBins) {
    fail_input("{}: exponent {} and {} counts; expected -{} to {} and a list of at most {}", place,
               exponent, list.size(), kMostExponent, kMostExponent, kMostBins);
  }
  Spread spread;
  for (const Json& count : list) {
    spread.counts.push_back(static_cast<double>(json_integer(count, place + ": 'counts'")));
    if (spread.counts.back() < 0) fail_input("{}: a count is negative", place);
  }
  // 2048 bins cover the range; those that are empty at its end are not written.
  constexpr double kBins = 2048;
  spread.range =
      std::ldexp(static_cast<double>(spread.counts.size()) / kBins, static_cast<int>(exponent));
  return spread;
}

/// Neighbouring bins together, so that at most kShownBins are left.
Spread coarser(const Spread& spread) {
  const size_t group = (spread.counts.size() + kShownBins - 1) / kShownBins;
  if (group <= 1) return spread;
  Spread result;
  for (size_t at = 0; at < spread.counts.size(); at += group) {
    const auto first = spread.counts.begin() + static_cast<int64_t>(at);
    const auto last =
        spread.counts.begin() + static_cast<int64_t>(std::min(at + group, spread.counts.size()));
    result.counts.push_back(std::accumulate(first, last, 0.0));
  }
  result.range = spread.range * static_cast<double>(result.counts.size() * group) /
                 static_cast<double>(spread.counts.size());
  return result;
}

/// Share of the values above `amax`, taking each bin's values as evenly spread.
double share_beyond(const Spread& spread, double amax) {
  const double total = std::accumulate(spread.counts.begin(), spread.counts.end(), 0.0);
  if (total <= 0) return 0;
  const double width = spread.range / static_cast<double>(spread.counts.size());
  double beyond = 0;
  for (size_t bin = 0; bin < spread.counts.size(); ++bin) {
    const double first = width * static_cast<double>(bin);
    beyond += spread.counts[bin] * std::clamp((first + width - amax) / width, 0.0, 1.0);
  }
  return beyond / total;
}

std::string json_path_of(const std::string& path) {
  if (path.ends_with(".json")) return path;
  const std::string beside = path + ".json";
  if (!std::filesystem::exists(beside)) {
    fail_input(
        "'{}' has no '{}' beside it, so only its scales are known; give the cache that "
        "tendon calibrate wrote, with both files",
        path, beside);
  }
  return beside;
}

/// amax by name.
std::map<std::string, double> ranges_from(const Json& root, const std::string& path) {
  std::map<std::string, double> ranges;
  for (const auto& [name, value] : object_member(root, "values", path).items()) {
    const std::string place = fmt::format("{}: '{}'", path, name);
    if (!value.is_object()) fail_input("{} is {}, expected an object", place, value.type_name());
    if (!value.contains("amax")) continue;
    const double amax = number_member(value, "amax", place);
    if (!(amax > 0) || !std::isfinite(amax)) {
      fail_input("{}: 'amax' is {}, expected a number above 0", place, amax);
    }
    ranges[name] = amax;
  }
  return ranges;
}

/// The spread of a value: that of its source, times its factor. Nothing where there is none.
std::optional<Spread> spread_of(const Json& root, const std::string& name,
                                const std::string& path) {
  const Json& value = root["values"][name];
  const std::string place = fmt::format("{}: '{}'", path, name);
  if (!value.contains("source") || !value["source"].is_string()) return std::nullopt;
  const Json& statistics = object_member(root, "statistics", path);
  const auto found = statistics.find(value["source"].get<std::string>());
  if (found == statistics.end()) return std::nullopt;
  Spread spread = spread_from(*found, place);
  if (value.contains("factor")) spread.range *= std::abs(number_member(value, "factor", place));
  if (spread.counts.empty() || !(spread.range > 0)) return std::nullopt;
  return spread;
}

}  // namespace

std::vector<ActivationHistogram> histograms_from_calibrations(
    const std::vector<std::string>& paths) {
  std::vector<std::map<std::string, double>> ranges;
  Json first;
  for (const std::string& path : paths) {
    const std::string json_path = json_path_of(path);
    Json root = load_json(json_path);
    ranges.push_back(ranges_from(root, json_path));
    if (ranges.size() == 1) first = std::move(root);
  }
  std::vector<ActivationHistogram> histograms;
  if (paths.empty()) return histograms;
  for (const auto& [name, amax] : ranges.front()) {
    const std::optional<Spread> spread = spread_of(first, name, json_path_of(paths.front()));
    if (!spread) continue;
    Spread shown = coarser(*spread);
    ActivationHistogram histogram{name, shown.range, std::move(shown.counts), {}};
    for (const auto& calibration : ranges) {
      const auto found = calibration.find(name);
      histogram.cuts.emplace_back();
      if (found == calibration.end()) continue;
      histogram.cuts.back() = {found->second, share_beyond(*spread, found->second)};
    }
    histograms.push_back(std::move(histogram));
  }
  return histograms;
}

}  // namespace tendon
