// One line for each frame, value and histogram, so that two files can be compared by eye.
#include "quant/calibration_json.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/file.h"
#include "base/json.h"
#include "base/limits.h"
#include "quant/statistics_json.h"

namespace tendon {
namespace {

constexpr std::string_view kFormat = "tendon-calibration";
constexpr int64_t kVersion = 1;
constexpr int64_t kMostShards = 1'000'000;

// Writing.

Json json_from_info(const CalibrationInfo& info) {
  Json bad = Json::array();
  for (const BadFrame& frame : info.bad_frames) bad.push_back({frame.place, frame.reason});
  Json algorithm{{"name", name_of(info.range.algorithm)}};
  if (info.range.quantile) algorithm["quantile"] = *info.range.quantile;
  if (info.range.regression_cutoff) algorithm["regression_cutoff"] = *info.range.regression_cutoff;
  Json json{{"model", {{"name", info.model_name}, {"sha256", info.model_sha256}}},
            {"data", {{"sha256", info.data_sha256}, {"frames", info.frames}}},
            {"algorithm", std::move(algorithm)}};
  if (info.held_out_frames > 0) json["data"]["held_out"] = info.held_out_frames;
  if (!info.random.empty()) json["data"]["random"] = info.random;
  if (!info.statistics_sha256.empty()) {
    json["preprocessing"] = {{"statistics_sha256", info.statistics_sha256},
                             {"cameras", info.cameras},
                             {"color", info.color}};
  }
  if (!info.shard.empty()) json["shard"] = info.shard;
  if (!info.bad_frames.empty()) json["bad_frames"] = std::move(bad);
  return json;
}

Json json_from_value(const CalibratedValue& value, const Calibration::Data& data) {
  Json json;
  if (!value.source.empty()) {
    json["source"] = value.source;
    json["axis"] = value.source_axis;
    if (value.factor != 1) json["factor"] = value.factor;
    if (!value.has_channels) json["channels"] = false;
  }
  const auto range = data.ranges.find(value.name);
  if (range == data.ranges.end()) return json;
  json["amax"] = range->second.amax;
  json["min"] = range->second.min;
  json["max"] = range->second.max;
  json["scale"] = scale_of(range->second.amax);
  const auto found = data.statistics.find(value.source);
  if (found != data.statistics.end() && value.factor != 0) {
    const ValueStatistics& seen = found->second;
    json["saturated"] = seen.saturated_share(range->second.amax / std::fabs(value.factor));
    if (seen.is_constant()) json["flag"] = seen.magnitude() == 0 ? "all zero" : "constant";
  }
  return json;
}

/// Members of an object or array, one a line.
class Lines {
 public:
  Lines(std::string& text, std::string_view key, std::string_view open, std::string_view close)
      : text_(text), close_(close) {
    text_ += fmt::format(",\n{}: {}", Json(key).dump(), open);
  }
  ~Lines() { text_ += fmt::format("\n{}", close_); }
  Lines(const Lines&) = delete;
  Lines& operator=(const Lines&) = delete;

  void add(const std::string& line) {
    text_ += is_first_ ? "\n " : ",\n ";
    text_ += line;
    is_first_ = false;
  }
  void add(const std::string& key, const Json& value) {
    add(Json(key).dump() + ": " + value.dump());
  }

 private:
  std::string& text_;
  std::string close_;
  bool is_first_ = true;
};

// Reading.

/// A member that may be missing.
const Json* optional_member(const Json& object, std::string_view key) {
  const auto found = object.find(key);
  return found == object.end() ? nullptr : &*found;
}

std::string text_member(const Json& object, std::string_view key, const std::string& place) {
  return json_string(json_member(object, key, place), fmt::format("{}: '{}'", place, key));
}

std::string optional_text(const Json& object, std::string_view key, const std::string& place) {
  return object.contains(key) ? text_member(object, key, place) : "";
}

std::optional<double> optional_number(const Json& object, std::string_view key,
                                      const std::string& place) {
  const Json* found = optional_member(object, key);
  if (found == nullptr) return std::nullopt;
  return json_number(*found, fmt::format("{}: '{}'", place, key));
}

const Json& list_member(const Json& object, std::string_view key, const std::string& place) {
  const Json& list = json_member(object, key, place);
  if (!list.is_array()) {
    fail_input("{}: '{}' is {}, expected a list", place, key, list.type_name());
  }
  return list;
}

const Json& object_member(const Json& object, std::string_view key, const std::string& place) {
  const Json& found = json_member(object, key, place);
  if (!found.is_object()) {
    fail_input("{}: '{}' is {}, expected an object", place, key, found.type_name());
  }
  return found;
}

std::string shard_from(const std::string& text, const std::string& place) {
  if (text.empty()) return text;
  int64_t number = 0;
  int64_t count = 0;
  const char* end = text.data() + text.size();
  const auto first = std::from_chars(text.data(), end, number);
  const auto second = first.ptr == end ? first : std::from_chars(first.ptr + 1, end, count);
  if (first.ec != std::errc() || second.ec != std::errc() || second.ptr != end ||
      *first.ptr != '/' || number < 1 || number > count || count > kMostShards) {
    fail_input("{}: 'shard' is '{}', expected a part such as 2/3", place, text);
  }
  return text;
}

CalibrationInfo info_from(const Json& root, const std::string& name) {
  CalibrationInfo info;
  const Json& model = object_member(root, "model", name);
  info.model_name = text_member(model, "name", name);
  info.model_sha256 = text_member(model, "sha256", name);
  const Json& algorithm = object_member(root, "algorithm", name);
  try {
    info.range.algorithm = calibration_algorithm_from_name(text_member(algorithm, "name", name));
  } catch (const Error& error) {
    fail_input("{}: {}", name, error.what());
  }
  info.range.quantile = optional_number(algorithm, "quantile", name);
  info.range.regression_cutoff = optional_number(algorithm, "regression_cutoff", name);
  const Json& data = object_member(root, "data", name);
  info.data_sha256 = text_member(data, "sha256", name);
  info.frames = json_integer(json_member(data, "frames", name), name + ": 'frames'");
  if (const Json* held_out = optional_member(data, "held_out")) {
    info.held_out_frames = json_integer(*held_out, name + ": 'held_out'");
  }
  info.random = optional_text(data, "random", name);
  if (root.contains("preprocessing")) {
    const Json& preprocessing = object_member(root, "preprocessing", name);
    info.statistics_sha256 = text_member(preprocessing, "statistics_sha256", name);
    for (const Json& camera : list_member(preprocessing, "cameras", name)) {
      info.cameras.push_back(json_string(camera, name + ": 'cameras'"));
    }
    info.color = text_member(preprocessing, "color", name);
  }
  info.shard = shard_from(optional_text(root, "shard", name), name);
  if (root.contains("bad_frames")) {
    for (const Json& frame : list_member(root, "bad_frames", name)) {
      if (!frame.is_array() || frame.size() != 2) {
        fail_input("{}: a bad frame is {}, expected place and reason", name, frame.dump());
      }
      info.bad_frames.push_back({json_string(frame[0], name), json_string(frame[1], name)});
    }
  }
  return info;
}

CalibrationFrame frame_from(const Json& json, const std::string& name) {
  CalibrationFrame frame;
  const bool fits = json.is_array() && json.size() >= 2 && json.size() <= 3 &&
                    json[0].is_string() && json[1].is_string() &&
                    (json.size() == 2 || json[2] == "held out");
  const auto key = fits ? frame_key_from_text(json[0].get<std::string>()) : std::nullopt;
  if (!key) {
    fail_input("{}: a frame is {}, expected 32 hexadecimal digits and a place", name, json.dump());
  }
  return {*key, json[1].get<std::string>(), json.size() == 3};
}

/// The value, and its range where one was chosen.
void add_value(Calibration::Data& data, const std::string& name, const Json& json,
               const std::string& place) {
  CalibratedValue value{name, optional_text(json, "source", place), 1, 0, true};
  value.factor = optional_number(json, "factor", place).value_or(1);
  value.has_channels = !value.source.empty() && !json.contains("channels");
  if (const Json* axis = optional_member(json, "axis")) {
    const int64_t number = json_integer(*axis, place + ": 'axis'");
    if (number < 0 || number >= Shape::kMaxRank) {
      fail_input("{}: 'axis' is {}, expected 0 to {}", place, number, Shape::kMaxRank - 1);
    }
    value.source_axis = static_cast<int>(number);
  }
  if (const auto amax = optional_number(json, "amax", place)) {
    if (!(*amax > 0) || !std::isfinite(*amax) || storable_amax(*amax) != *amax) {
      fail_input("{}: 'amax' is {}, expected 127 times a normal scale", place, *amax);
    }
    TensorRange& range = data.ranges[name];
    range = {*amax, optional_number(json, "min", place).value_or(0),
             optional_number(json, "max", place).value_or(0)};
    const auto found = data.statistics.find(value.source);
    if (found != data.statistics.end()) {
      if (value.has_channels) range.channel_mean = found->second.channel_means();
      for (double& mean : range.channel_mean) mean *= value.factor;
      range.byte_exact = found->second.byte_exact && value.factor == 1;
    }
  }
  data.values.push_back(std::move(value));
}

}  // namespace

std::string read_calibration_text(const std::string& path) {
  return read_text_file(path, limits().max_json_bytes);
}

bool is_calibration_json(std::string_view text) {
  const size_t first = text.find_first_not_of(" \t\r\n");
  return first != std::string_view::npos && text[first] == '{';
}

std::string json_from_calibration(const Calibration::Data& data) {
  std::string text = fmt::format("{{\n\"format\": \"{}\",\n\"version\": {}", kFormat, kVersion);
  const Json info = json_from_info(data.info);
  for (const auto& [key, value] : info.items()) {
    text += fmt::format(",\n\"{}\": {}", key, value.dump());
  }
  {
    Lines lines(text, "frames", "[", "]");
    for (const CalibrationFrame& frame : data.frames) {
      Json json{to_text(frame.key), frame.place};
      if (frame.held_out) json.push_back("held out");
      lines.add(json.dump());
    }
  }
  {
    Lines lines(text, "values", "{", "}");
    for (const CalibratedValue& value : data.values) {
      lines.add(value.name, json_from_value(value, data));
    }
  }
  {
    Lines lines(text, "statistics", "{", "}");
    for (const auto& [name, statistics] : data.statistics) {
      lines.add(name, json_from_statistics(statistics));
    }
  }
  if (!data.samples.empty()) {
    Lines lines(text, "samples", "{", "}");
    for (const auto& [name, sample] : data.samples) lines.add(name, json_from_sample(sample));
  }
  return text + "\n}\n";
}

std::shared_ptr<const Calibration::Data> calibration_from_json(std::string_view text,
                                                               const std::string& name) {
  const Json root = parse_json(text, name);
  if (text_member(root, "format", name) != kFormat) {
    fail_input("{}: 'format' is '{}', expected '{}'", name, text_member(root, "format", name),
               kFormat);
  }
  const int64_t version = json_integer(json_member(root, "version", name), name + ": 'version'");
  if (version != kVersion) {
    fail(ErrorKind::kUnsupported, "{}: calibration of version {}, this program reads version {}",
         name, version, kVersion);
  }
  Calibration::Data data;
  data.info = info_from(root, name);
  data.has_provenance = true;
  for (const Json& frame : list_member(root, "frames", name)) {
    data.frames.push_back(frame_from(frame, name));
  }
  for (const auto& [value, json] : object_member(root, "statistics", name).items()) {
    data.statistics[value] = statistics_from_json(json, fmt::format("{}: '{}'", name, value));
  }
  for (const auto& [value, json] : object_member(root, "values", name).items()) {
    add_value(data, value, json, fmt::format("{}: '{}'", name, value));
    const std::string& source = data.values.back().source;
    if (!data.statistics.empty() && !source.empty() && !data.statistics.contains(source)) {
      fail_input("{}: '{}' stands for '{}', of which there are no statistics", name, value, source);
    }
  }
  if (root.contains("samples")) {
    for (const auto& [consumer, json] : object_member(root, "samples", name).items()) {
      data.samples[consumer] = sample_from_json(json, fmt::format("{}: '{}'", name, consumer));
    }
  }
  return std::make_shared<const Calibration::Data>(std::move(data));
}

}  // namespace tendon
