#include "quant/merge.h"

#include <algorithm>
#include <charconv>

#include "base/format.h"
#include "quant/algorithm.h"

namespace tendon {
namespace {

struct Share {
  int64_t number = 1;
  int64_t count = 1;
};

/// "2/3"; a whole calibration is 1/1.
Share share_of(const CalibrationInfo& info) {
  if (info.shard.empty()) return {};
  Share share;
  const char* end = info.shard.data() + info.shard.size();
  const auto number = std::from_chars(info.shard.data(), end, share.number);
  const auto count = std::from_chars(std::min(number.ptr + 1, end), end, share.count);
  TENDON_ASSERT(count.ec == std::errc() && count.ptr == end);
  return share;
}

template <class T>
void require_equal(std::string_view what, const T& first, const T& other, size_t part) {
  if (first == other) return;
  fail_input("part {} has another {} than part 1: {} instead of {}; merge parts of one calibration",
             part + 1, what, other, first);
}

std::string text_of(const RangeOptions& range) {
  return fmt::format("{}, quantile {}, regression cutoff {}", name_of(range.algorithm),
                     range.quantile.value_or(0), range.regression_cutoff.value_or(0));
}

void require_same_origin(const CalibrationInfo& first, const CalibrationInfo& other, size_t part) {
  require_equal("model", first.model_sha256, other.model_sha256, part);
  require_equal("set of statistics", first.statistics_sha256, other.statistics_sha256, part);
  require_equal("order of cameras", fmt::format("{}", fmt::join(first.cameras, ",")),
                fmt::format("{}", fmt::join(other.cameras, ",")), part);
  require_equal("order of colours", first.color, other.color, part);
  require_equal("kind of data", first.random, other.random, part);
  require_equal("algorithm", text_of(first.range), text_of(other.range), part);
}

void require_complete(std::span<const Calibration::Data* const> parts) {
  const int64_t count = share_of(parts[0]->info).count;
  std::vector<int> seen(static_cast<size_t>(count), 0);
  for (size_t i = 0; i < parts.size(); ++i) {
    const Share share = share_of(parts[i]->info);
    require_equal("number of parts", count, share.count, i);
    ++seen[static_cast<size_t>(share.number - 1)];
  }
  // Whole calibrations, such as those of several robots, add up in any number.
  if (count == 1) return;
  for (int64_t number = 1; number <= count; ++number) {
    const int times = seen[static_cast<size_t>(number - 1)];
    if (times == 1) continue;
    fail_input("part {}/{} is {}; every part is needed once", number, count,
               times == 0 ? "missing" : "there twice");
  }
}

/// Adds what `part`, the one at position `number`, observed.
void add_part(Calibration::Data& whole, const Calibration::Data& part, size_t number) {
  require_same_origin(whole.info, part.info, number);
  whole.info.bad_frames.insert(whole.info.bad_frames.end(), part.info.bad_frames.begin(),
                               part.info.bad_frames.end());
  // A part without any frame has not even started the network.
  if (part.frames.empty() && part.statistics.empty()) return;
  whole.frames.insert(whole.frames.end(), part.frames.begin(), part.frames.end());
  for (const auto& [name, rows] : part.samples) whole.samples[name].merge(rows);
  if (whole.statistics.empty()) {
    whole.values = part.values;
    whole.statistics = part.statistics;
    return;
  }
  if (part.statistics.size() != whole.statistics.size()) {
    fail_input("part {} observed other values than the parts before", number + 1);
  }
  for (auto& [name, statistics] : whole.statistics) {
    const auto other = part.statistics.find(name);
    if (other == part.statistics.end()) {
      fail_input("part {} did not observe '{}', which the parts before did", number + 1, name);
    }
    statistics.merge(other->second);
  }
}

}  // namespace

Calibration::Data merged(std::span<const Calibration::Data* const> parts,
                         const std::optional<RangeOptions>& range) {
  if (parts.empty()) fail(ErrorKind::kUsage, "nothing to merge; name the parts");
  require_complete(parts);
  Calibration::Data whole;
  whole.info = parts[0]->info;
  whole.info.bad_frames.clear();
  for (size_t i = 0; i < parts.size(); ++i) {
    if (parts[i]->statistics.empty() && !parts[i]->ranges.empty()) {
      fail_input("part {} holds ranges alone and no histograms; calibrate with data again", i + 1);
    }
    add_part(whole, *parts[i], i);
  }
  if (whole.frames.empty()) fail_input("the parts hold no frame; calibrate with more data");
  whole.info.shard.clear();
  if (range) {
    check(*range);
    whole.info.range = *range;
  }
  return whole;
}

}  // namespace tendon
