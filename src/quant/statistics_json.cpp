#include "quant/statistics_json.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>

#include "base/base64.h"
#include "base/format.h"

namespace tendon {
namespace {

constexpr int kMostExponent = 128;

uint64_t count_from(const Json& json, const std::string& place) {
  const int64_t count = json_integer(json, place);
  if (count < 0) fail_input("{} is {}, expected 0 or more", place, count);
  return static_cast<uint64_t>(count);
}

uint64_t count_member(const Json& json, std::string_view key, const std::string& place) {
  return count_from(json_member(json, key, place), fmt::format("{}: '{}'", place, key));
}

float float_member(const Json& json, std::string_view key, const std::string& place) {
  const double value =
      json_number(json_member(json, key, place), fmt::format("{}: '{}'", place, key));
  const auto narrow = static_cast<float>(value);
  if (!std::isfinite(narrow) || static_cast<double>(narrow) != value) {
    fail_input("{}: '{}' is {}, expected a float32 number", place, key, value);
  }
  return narrow;
}

void read_histogram(ValueStatistics& statistics, const Json& json, const std::string& place) {
  const int64_t exponent =
      json_integer(json_member(json, "exponent", place), place + ": 'exponent'");
  if (exponent < Histogram::kMinExponent || exponent > kMostExponent) {
    fail_input("{}: 'exponent' is {}, expected {} to {}", place, exponent, Histogram::kMinExponent,
               kMostExponent);
  }
  statistics.histogram.reset(static_cast<int>(exponent));
  const Json& counts = json_member(json, "counts", place);
  if (!counts.is_array() || counts.size() > Histogram::kBins) {
    fail_input("{}: 'counts' is no list of at most {} numbers", place, Histogram::kBins);
  }
  uint64_t total = 0;
  for (size_t bin = 0; bin < counts.size(); ++bin) {
    const uint64_t count = count_from(counts[bin], fmt::format("{}: bin {}", place, bin));
    statistics.histogram.add_to_bin(static_cast<int>(bin), count);
    if (__builtin_add_overflow(total, count, &total)) {
      fail_input("{}: the counts overflow", place);
    }
  }
  if (total != statistics.count || statistics.zeros > statistics.histogram.count(0)) {
    fail_input(
        "{}: the histogram has {} elements, {} of them in its first bin; expected {} and at "
        "least {}",
        place, total, statistics.histogram.count(0), statistics.count, statistics.zeros);
  }
}

}  // namespace

Json json_from_statistics(const ValueStatistics& statistics) {
  Json counts = Json::array();
  const int used = statistics.histogram.used_bins();
  for (int bin = 0; bin < used; ++bin) {
    counts.push_back(statistics.histogram.count(bin));
  }
  Json sums = Json::array();
  for (const ExactSum& sum : statistics.channel_sums) sums.push_back(sum.to_text());
  Json json{{"count", statistics.count},
            {"zeros", statistics.zeros},
            {"exponent", statistics.histogram.exponent()},
            {"counts", std::move(counts)},
            {"channel_sums", std::move(sums)}};
  if (statistics.count > 0) {
    json["min"] = statistics.min;
    json["max"] = statistics.max;
  }
  if (statistics.byte_exact) json["byte_exact"] = true;
  return json;
}

ValueStatistics statistics_from_json(const Json& json, const std::string& place) {
  ValueStatistics statistics;
  statistics.count = count_member(json, "count", place);
  statistics.zeros = count_member(json, "zeros", place);
  if (statistics.count > 0) {
    statistics.min = float_member(json, "min", place);
    statistics.max = float_member(json, "max", place);
  }
  read_histogram(statistics, json, place);
  if (statistics.count > 0 &&
      (statistics.min > statistics.max ||
       Histogram::exponent_for(statistics.magnitude()) != statistics.histogram.exponent())) {
    fail_input("{}: min {} and max {} do not fit the histogram's range 2^{}", place, statistics.min,
               statistics.max, statistics.histogram.exponent());
  }
  const Json& sums = json_member(json, "channel_sums", place);
  if (!sums.is_array()) fail_input("{}: 'channel_sums' is no list", place);
  for (const Json& text : sums) {
    const auto sum = ExactSum::from_text(json_string(text, place + ": a channel's sum"));
    if (!sum)
      fail_input("{}: a channel's sum is {}, expected hexadecimal digits", place, text.dump());
    statistics.channel_sums.push_back(*sum);
  }
  statistics.byte_exact = json.contains("byte_exact");
  return statistics;
}

Json json_from_sample(const RowSample& sample) {
  Json rows = Json::array();
  for (const RowSample::Row& row : sample.rows()) {
    const auto* bytes = reinterpret_cast<const char*>(row.elements.data());
    rows.push_back({fmt::format("{:016x}", row.lot),
                    base64_from_bytes({bytes, row.elements.size() * sizeof(float)})});
  }
  return rows;
}

RowSample sample_from_json(const Json& json, const std::string& place) {
  RowSample sample;
  if (!json.is_array() || json.size() > RowSample::kRows) {
    fail_input("{}: expected a list of at most {} rows", place, RowSample::kRows);
  }
  for (const Json& item : json) {
    if (!item.is_array() || item.size() != 2) {
      fail_input("{}: a row is {}, expected its lot and its elements", place, item.dump());
    }
    const std::string lot = json_string(item[0], place + ": a lot");
    RowSample::Row row;
    const auto parsed = std::from_chars(lot.data(), lot.data() + lot.size(), row.lot, 16);
    if (lot.size() != 16 || parsed.ec != std::errc() || parsed.ptr != lot.data() + lot.size()) {
      fail_input("{}: a lot is '{}', expected 16 hexadecimal digits", place, lot);
    }
    const std::string bytes = bytes_from_base64(json_string(item[1], place), place);
    row.elements.resize(bytes.size() / sizeof(float));
    std::memcpy(row.elements.data(), bytes.data(), row.elements.size() * sizeof(float));
    const auto& rows = sample.rows();
    if (row.elements.empty() ||
        (!rows.empty() && row.elements.size() != rows.front().elements.size()) ||
        std::ranges::any_of(row.elements, [](float x) { return !std::isfinite(x); })) {
      fail_input("{}: a row of {} elements; expected finite numbers, as many in every row", place,
                 row.elements.size());
    }
    sample.add(std::move(row));
  }
  return sample;
}

}  // namespace tendon
