// Calibration: loading, saving and merging.
#include <tendon/calibration.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>

#include "base/checksum.h"
#include "base/file.h"
#include "base/log.h"
#include "quant/algorithm.h"
#include "quant/calibration_json.h"
#include "quant/choose_ranges.h"
#include "quant/merge.h"
#include "quant/tensorrt_cache.h"

namespace tendon {
namespace {

std::string json_path(const std::string& path) { return path + ".json"; }

/// The first thing in which a cache and the file beside it differ; empty when they agree.
std::string difference(const TensorRtCache& cache, const Ranges& ranges) {
  for (const auto& [name, scale] : cache.scales) {
    const auto found = ranges.find(name);
    if (found == ranges.end()) return fmt::format("only the cache has '{}'", name);
    if (scale_of(found->second.amax) != scale) {
      return fmt::format("the scale of '{}' is {} in the cache and {} in the other", name, scale,
                         scale_of(found->second.amax));
    }
  }
  for (const auto& [name, range] : ranges) {
    if (!cache.scales.contains(name)) {
      return fmt::format("the cache lacks '{}'; it may be truncated", name);
    }
  }
  return {};
}

/// What a cache alone tells.
std::shared_ptr<const Calibration::Data> data_from_scales(const TensorRtCache& cache) {
  Calibration::Data data;
  data.info.range.algorithm = cache.algorithm;
  for (const auto& [name, scale] : cache.scales) {
    data.ranges[name].amax = 127.0 * static_cast<double>(scale);
  }
  return std::make_shared<const Calibration::Data>(std::move(data));
}

void log_zero_values(const Calibration::Data& data) {
  std::vector<std::string> zero;
  for (const auto& [name, statistics] : data.statistics) {
    if (statistics.count > 0 && statistics.magnitude() == 0) zero.push_back(name);
  }
  if (zero.empty()) return;
  log_warning("{} value(s) were 0 in every frame and got the scale 1/127: {}", zero.size(),
              fmt::join(zero, ", "));
}

void check_judges(const Calibration::Data& data, std::span<const Consumer> consumers) {
  if (consumers.empty()) {
    fail(
        ErrorKind::kUsage,
        "'auto' judges ranges by the layers with weights that read the values, and there are none; "
        "give the model as well, or choose another algorithm if it has no such layers");
  }
  if (data.samples.empty()) {
    log_warning(
        "None of the {} frames was held out for 'auto' to judge by: ranges are those of 'mse'. "
        "Give more frames, or hold out a larger share",
        data.info.frames);
  }
  for (const Consumer& consumer : consumers) {
    const auto found = data.samples.find(consumer.name);
    if (found == data.samples.end() || found->second.rows().empty()) continue;
    const size_t width = found->second.rows().front().elements.size();
    if (static_cast<int64_t>(width) != consumer.width()) {
      fail_input("the rows of '{}' have {} elements, the layer reads {}; they are of another model",
                 consumer.name, width, consumer.width());
    }
  }
}

}  // namespace

float scale_of(double amax) { return static_cast<float>(amax / 127.0); }

double storable_amax(double amax) {
  const float scale = scale_of(amax);
  const bool usable = scale >= std::numeric_limits<float>::min() && std::isfinite(scale);
  return usable ? 127.0 * static_cast<double>(scale) : storable_amax(1);
}

std::shared_ptr<const Calibration::Data> finished(Calibration::Data data,
                                                  std::span<const Consumer> consumers) {
  std::ranges::sort(data.frames);
  std::ranges::sort(data.info.bad_frames);
  data.info.frames = static_cast<int64_t>(data.frames.size());
  data.info.held_out_frames = std::ranges::count(data.frames, true, &CalibrationFrame::held_out);
  std::string keys;
  for (const CalibrationFrame& frame : data.frames) keys += to_text(frame.key) + "\n";
  data.info.data_sha256 = sha256_hex(std::as_bytes(std::span(keys.data(), keys.size())));
  data.has_provenance = true;
  if (data.info.shard.empty()) {
    if (data.info.range.algorithm == CalibrationAlgorithm::kAuto) check_judges(data, consumers);
    data.ranges = choose_ranges(data, consumers);
    data.samples.clear();
  }
  return std::make_shared<const Calibration::Data>(std::move(data));
}

Calibration::Calibration() : data_(std::make_shared<const Data>()) {}
Calibration::Calibration(std::shared_ptr<const Data> data) : data_(std::move(data)) {}

const Ranges& Calibration::ranges() const { return data_->ranges; }
const CalibrationInfo& Calibration::info() const { return data_->info; }
bool Calibration::has_provenance() const { return data_->has_provenance; }

Calibration Calibration::load(const std::string& path, bool force) {
  const std::string text = read_calibration_text(path);
  if (is_calibration_json(text)) {
    fail_input(
        "'{}' is one part of a calibration that was shared out; put the parts together with "
        "tendon calibrate merge",
        path);
  }
  const TensorRtCache cache = parse_tensorrt_cache(text, path);
  if (!std::filesystem::exists(json_path(path))) return Calibration(data_from_scales(cache));
  Calibration beside(
      calibration_from_json(read_calibration_text(json_path(path)), json_path(path)));
  const std::string found = difference(cache, beside.ranges());
  if (found.empty()) return beside;
  if (!force) {
    fail_input(
        "'{}' and '{}' do not belong together: {}; calibrate again, or force the cache to be used "
        "alone",
        path, json_path(path), found);
  }
  log_warning("'{}' is used alone, for '{}' differs: {}", path, json_path(path), found);
  return Calibration(data_from_scales(cache));
}

Calibration Calibration::load_part(const std::string& path) {
  const std::string text = read_calibration_text(path);
  return is_calibration_json(text) ? Calibration(calibration_from_json(text, path)) : load(path);
}

void Calibration::save(const std::string& path, std::string_view tensorrt_version) const {
  log_info("Saving calibration cache to {}", path);
  if (!info().shard.empty()) {
    write_file_atomically(path, json_from_calibration(data()));
    return;
  }
  log_zero_values(data());
  const std::string text =
      text_from_ranges(ranges(), row_of(info().range.algorithm).tensorrt_name, tensorrt_version);
  if (has_provenance()) write_file_atomically(json_path(path), json_from_calibration(data()));
  write_file_atomically(path, text);
}

Calibration Calibration::merge(std::span<const Calibration> parts,
                               std::optional<RangeOptions> range) {
  std::vector<const Data*> all;
  for (const Calibration& part : parts) all.push_back(&part.data());
  return Calibration(finished(merged(all, range)));
}

}  // namespace tendon
