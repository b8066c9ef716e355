#include "engine/scales.h"

#include <cmath>

#include "base/data_type.h"
#include "base/format.h"
#include "base/json.h"

namespace tendon::engine_file {
namespace {

constexpr int64_t kLargestWeight = 127;

const Json& require_list(const Json& value, std::string_view name) {
  if (!value.is_array()) fail_input("{}: found {}, expected a list", name, value.type_name());
  return value;
}

const Json& require_object(const Json& value, std::string_view name) {
  if (!value.is_object()) fail_input("{}: found {}, expected an object", name, value.type_name());
  return value;
}

Json json_from(const TensorRange& range, bool with_means) {
  Json json = {{"amax", range.amax}, {"min", range.min}, {"max", range.max}};
  if (range.byte_exact) json["byte_exact"] = true;
  if (with_means) json["channel_mean"] = range.channel_mean;
  return json;
}

TensorRange range_from(const Json& json, const std::string& name) {
  TensorRange range;
  range.amax = json_number(json_member(json, "amax", name), name);
  range.min = json_number(json_member(json, "min", name), name);
  range.max = json_number(json_member(json, "max", name), name);
  if (!std::isnormal(static_cast<float>(range.amax)) || range.amax < 0) {
    fail_input("{}: amax is {}, expected a positive normal number", name, range.amax);
  }
  range.byte_exact = json.contains("byte_exact");
  if (json.contains("channel_mean")) {
    for (const Json& mean : require_list(json["channel_mean"], name)) {
      range.channel_mean.push_back(json_number(mean, name));
    }
  }
  return range;
}

}  // namespace

std::string encode_scales(const std::optional<QuantizationRecord>& record, bool with_means) {
  if (!record) return {};
  Json ranges = Json::object();
  for (const auto& [name, range] : record->request.ranges) {
    ranges[name] = json_from(range, with_means);
  }
  Json overrides = Json::object();
  for (const auto& [name, type] : record->request.overrides) overrides[name] = name_of(type);
  return Json{{"ranges", ranges},
              {"overrides", overrides},
              {"weight_limit", record->request.weight_limit},
              {"int8_layers", record->plan.int8_layers},
              {"kept", record->plan.kept}}
      .dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::optional<QuantizationRecord> decode_scales(std::string_view text, std::string_view name) {
  if (text.empty()) return std::nullopt;
  const Json json = parse_json(text, name);
  const auto place = [&](std::string_view key) { return fmt::format("{}, {}", name, key); };
  const auto member = [&](std::string_view key) -> const Json& {
    return json_member(json, key, name);
  };
  QuantizationRecord record;
  for (const auto& [key, range] : require_object(member("ranges"), place("ranges")).items()) {
    record.request.ranges[key] = range_from(range, place(key));
  }
  for (const auto& [key, type] : require_object(member("overrides"), place("overrides")).items()) {
    try {
      record.request.overrides[key] = data_type_from_name(json_string(type, place(key)));
    } catch (const Error& error) {
      throw Error(ErrorKind::kBadInput, error.what());
    }
  }
  const int64_t limit = json_integer(member("weight_limit"), place("weight_limit"));
  if (limit < 1 || limit > kLargestWeight) {
    fail_input("{}: found {}, expected 1 to {}", place("weight_limit"), limit, kLargestWeight);
  }
  record.request.weight_limit = static_cast<int>(limit);
  for (const Json& layer : require_list(member("int8_layers"), place("int8_layers"))) {
    record.plan.int8_layers.insert(json_string(layer, place("int8_layers")));
  }
  for (const auto& [key, reason] : require_object(member("kept"), place("kept")).items()) {
    record.plan.kept[key] = json_string(reason, place(key));
  }
  record.request.layers = record.plan.int8_layers;
  return record;
}

}  // namespace tendon::engine_file
