// Manifest and plan sections to and from JSON.
#include "engine/manifest.h"

#include <algorithm>
#include <charconv>

#include "base/json.h"
#include "engine/plan.h"

namespace tendon::engine_file {
namespace {

constexpr int64_t kMaxThreads = 1 << 16;
/// Sums of a few stay far from overflow.
constexpr int64_t kMaxAmount = int64_t{1} << 50;

Json json_from(const Shape& shape) { return Json(shape.dims()); }

Json json_from(const std::vector<EnginePort>& ports) {
  Json list = Json::array();
  for (const EnginePort& port : ports) {
    list.push_back({{"name", port.name},
                    {"type", name_of(port.dtype)},
                    {"min", json_from(port.range.min)},
                    {"opt", json_from(port.range.opt)},
                    {"max", json_from(port.range.max)}});
  }
  return list;
}

Json json_from(const LayerRecord& layer) {
  Json outputs = Json::array();
  for (const TensorType& type : layer.outputs) outputs.push_back(to_string(type));
  return {{"name", layer.name},
          {"type", layer.type},
          {"bytes_moved", layer.bytes_moved},
          {"backend", layer.backend},
          {"kernel", layer.kernel},
          {"detail", layer.detail},
          {"precision", name_of(layer.precision)},
          {"outputs", outputs},
          {"multiply_adds", layer.multiply_adds},
          {"weight_bytes", layer.weight_bytes}};
}

/// Reads members of one object with the object's name in every message.
class Members {
 public:
  Members(const Json& object, std::string name) : object_(object), name_(std::move(name)) {}

  std::string text(std::string_view key) const {
    return json_string(json_member(object_, key, name_), path(key));
  }
  int64_t integer(std::string_view key) const {
    return json_integer(json_member(object_, key, name_), path(key));
  }
  /// Of bytes or multiply-adds.
  int64_t amount(std::string_view key) const {
    const int64_t found = integer(key);
    if (found < 0 || found > kMaxAmount) {
      fail_input("{}: found {}, expected 0 to {}", path(key), found, kMaxAmount);
    }
    return found;
  }
  size_t size(std::string_view key) const { return static_cast<size_t>(amount(key)); }
  double number(std::string_view key) const {
    return json_number(json_member(object_, key, name_), path(key));
  }
  bool flag(std::string_view key) const {
    const Json& value = json_member(object_, key, name_);
    if (!value.is_boolean())
      fail_input("{}: found {}, expected a flag", path(key), value.type_name());
    return value.get<bool>();
  }
  /// Of a member that older files lack.
  bool flag_if_present(std::string_view key) const { return object_.contains(key) && flag(key); }
  const Json& list(std::string_view key) const {
    const Json& value = json_member(object_, key, name_);
    if (!value.is_array())
      fail_input("{}: found {}, expected a list", path(key), value.type_name());
    return value;
  }
  std::map<std::string, std::string> texts(std::string_view key) const {
    const Json& value = json_member(object_, key, name_);
    if (!value.is_object()) {
      fail_input("{}: found {}, expected an object", path(key), value.type_name());
    }
    std::map<std::string, std::string> map;
    for (const auto& [name, text] : value.items()) map[name] = json_string(text, path(key));
    return map;
  }
  Shape shape(std::string_view key) const {
    Shape shape;
    for (const Json& dim : list(key)) shape.push_back(json_integer(dim, path(key)));
    return shape;
  }
  std::string path(std::string_view key) const { return fmt::format("{}, {}", name_, key); }

 private:
  const Json& object_;
  std::string name_;
};

std::vector<EnginePort> ports_from(const Members& manifest, std::string_view key) {
  std::vector<EnginePort> ports;
  for (const Json& object : manifest.list(key)) {
    const Members port(object, manifest.path(key));
    DataType dtype{};
    try {
      dtype = data_type_from_name(port.text("type"));
    } catch (const Error& error) {
      throw Error(ErrorKind::kBadInput, port.path(error.what()));
    }
    ports.push_back(
        {port.text("name"), dtype, {port.shape("min"), port.shape("opt"), port.shape("max")}});
  }
  return ports;
}

/// Sizes that a machine without the device cannot find out.
Json memory_json(const ExecutionPlan& plan) {
  return {{"arena", plan.arena_bytes},
          {"device_arena", plan.device_arena_bytes},
          {"device_queue", plan.device_queue_bytes},
          {"device_weights", plan.device_weight_bytes},
          {"device_lower_bound", plan.device_lower_bound}};
}

/// Inverse of to_string(TensorType).
TensorType type_from_text(std::string_view text, std::string_view name) {
  const size_t open = text.find('(');
  if (open == text.npos || text.back() != ')') {
    fail_input("{}: found '{}', expected a type such as 'float32(1, 14)'", name, text);
  }
  TensorType type;
  try {
    type.dtype = data_type_from_name(text.substr(0, open));
  } catch (const Error& error) {
    fail_input("{}: {}", name, error.what());
  }
  std::string_view dims = text.substr(open + 1, text.size() - open - 2);
  while (!dims.empty()) {
    int64_t dim = 0;
    const auto [end, error] = std::from_chars(dims.data(), dims.data() + dims.size(), dim);
    if (error != std::errc() || dim < 0) {
      fail_input("{}: found '{}', expected a type such as 'float32(1, 14)'", name, text);
    }
    type.shape.push_back(dim);
    dims.remove_prefix(static_cast<size_t>(end - dims.data()));
    dims.remove_prefix(std::min(dims.find_first_not_of(", "), dims.size()));
  }
  return type;
}

}  // namespace

std::string encode_manifest(const CompiledEngine& engine,
                            const std::map<std::string, std::string>& hashes) {
  const BuildInfo& info = engine.info();
  Json passes = Json::array();
  for (const PassRecord& pass : info.passes) {
    passes.push_back({{"name", pass.name},
                      {"seconds", pass.seconds},
                      {"nodes_removed", pass.nodes_removed},
                      {"parameters_removed", pass.parameters_removed},
                      {"note", pass.note}});
  }
  Json layers = Json::array();
  for (const LayerRecord& layer : engine.layers()) layers.push_back(json_from(layer));
  const Json manifest = {{"tool_version", info.tool_version},
                         {"device", info.device},
                         {"fingerprint", info.fingerprint},
                         {"threads", info.threads},
                         {"build_seconds", info.build_seconds},
                         {"optimised", info.optimised},
                         {"float16_weights", info.float16_weights},
                         {"tf32", info.tf32},
                         {"fp16", info.fp16},
                         {"float32_layers", info.float32_layers},
                         {"bf16", info.bf16},
                         {"winograd", info.winograd},
                         {"packed_weights", info.packed_weights},
                         {"disabled_passes", info.disabled_passes},
                         {"passes", passes},
                         {"parameter_usage", info.parameter_usage},
                         {"metadata", info.metadata},
                         {"inputs", json_from(engine.inputs())},
                         {"outputs", json_from(engine.outputs())},
                         {"layers", layers},
                         {"memory", memory_json(*engine.plan())},
                         {"sha256", hashes}};
  return manifest.dump(1, ' ', false, Json::error_handler_t::replace);
}

Manifest decode_manifest(std::string_view text, std::string_view name) {
  const Json json = parse_json(text, name);
  const Members members(json, std::string(name));
  Manifest manifest;
  BuildInfo& info = manifest.info;
  info.tool_version = members.text("tool_version");
  info.device = members.text("device");
  info.fingerprint = members.text("fingerprint");
  const int64_t threads = members.integer("threads");
  if (threads < 1 || threads > kMaxThreads) {
    fail_input("{}: found {}, expected 1 to {}", members.path("threads"), threads, kMaxThreads);
  }
  info.threads = static_cast<int>(threads);
  info.build_seconds = members.number("build_seconds");
  info.optimised = members.flag("optimised");
  // Older files have none of these.
  info.float16_weights = members.flag_if_present("float16_weights");
  info.tf32 = members.flag_if_present("tf32");
  info.fp16 = members.flag_if_present("fp16");
  if (json.contains("float32_layers")) info.float32_layers = members.texts("float32_layers");
  info.bf16 = members.flag_if_present("bf16");
  info.winograd = members.flag_if_present("winograd");
  info.packed_weights = members.flag_if_present("packed_weights");
  for (const Json& pass : members.list("disabled_passes")) {
    info.disabled_passes.push_back(json_string(pass, members.path("disabled_passes")));
  }
  for (const Json& object : members.list("passes")) {
    const Members pass(object, members.path("passes"));
    info.passes.push_back({pass.text("name"), pass.number("seconds"), pass.integer("nodes_removed"),
                           pass.integer("parameters_removed"), pass.text("note")});
  }
  info.parameter_usage = members.text("parameter_usage");
  info.metadata = members.texts("metadata");
  manifest.inputs = ports_from(members, "inputs");
  manifest.outputs = ports_from(members, "outputs");
  manifest.hashes = members.texts("sha256");
  return manifest;
}

std::shared_ptr<const ExecutionPlan> decode_recorded_plan(std::string_view text,
                                                          std::string_view name,
                                                          std::vector<KernelName> choice,
                                                          const Graph& graph) {
  const Json json = parse_json(text, name);
  const Members members(json, std::string(name));
  auto plan = std::make_shared<ExecutionPlan>();
  plan->choice = std::move(choice);
  for (const GraphInput& input : graph.inputs()) plan->inputs.push_back(graph.type(input.value));
  for (const ValueId id : graph.outputs()) plan->outputs.push_back(graph.type(id));
  int64_t multiply_adds = 0;
  for (const Json& object : members.list("layers")) {
    const Members layer(object, members.path("layers"));
    LayerRecord record;
    record.name = layer.text("name");
    record.type = layer.text("type");
    record.backend = layer.text("backend");
    record.kernel = layer.text("kernel");
    record.detail = layer.text("detail");
    record.precision =
        type_from_text(layer.text("precision") + "()", layer.path("precision")).dtype;
    for (const Json& type : layer.list("outputs")) {
      record.outputs.push_back(type_from_text(json_string(type, layer.path("outputs")), name));
    }
    record.multiply_adds = layer.amount("multiply_adds");
    record.weight_bytes = layer.amount("weight_bytes");
    if (object.contains("bytes_moved")) record.bytes_moved = layer.amount("bytes_moved");
    multiply_adds += record.multiply_adds;
    if (multiply_adds > kMaxAmount) {
      fail_input("{}: more than {} multiply-adds in all", layer.path("multiply_adds"), kMaxAmount);
    }
    plan->layers.push_back(std::move(record));
  }
  if (!json.contains("memory")) return plan;  // files of format version 2 before Tendon said it
  const Members memory(json_member(json, "memory", name), members.path("memory"));
  plan->arena_bytes = memory.size("arena");
  plan->device_arena_bytes = memory.size("device_arena");
  plan->device_queue_bytes = memory.size("device_queue");
  plan->device_weight_bytes = memory.size("device_weights");
  plan->device_lower_bound = memory.size("device_lower_bound");
  return plan;
}

std::string encode_plan(const PlanRecord& plan) {
  Json layers = Json::array();
  for (size_t i = 0; i < plan.kernels.size(); ++i) {
    Json layer{{"backend", plan.kernels[i].backend}, {"kernel", plan.kernels[i].kernel}};
    if (i < plan.packed.size()) {
      for (const PackedPart& packed : plan.packed[i]) {
        layer["packed"].push_back(
            {{"input", packed.input}, {"layout", packed.layout}, {"part", packed.part}});
      }
    }
    layers.push_back(std::move(layer));
  }
  return Json{{"layers", layers}, {"packer", plan.packer}}.dump();
}

PlanRecord decode_plan(std::string_view text, std::string_view name) {
  const Json json = parse_json(text, name);
  const Members members(json, std::string(name));
  PlanRecord plan;
  for (const Json& object : members.list("layers")) {
    const Members layer(object, members.path("layers"));
    plan.kernels.push_back({layer.text("backend"), layer.text("kernel")});
    plan.packed.emplace_back();
    if (!object.contains("packed")) continue;
    for (const Json& part : layer.list("packed")) {
      const Members packed(part, layer.path("packed"));
      plan.packed.back().push_back(
          {packed.size("input"), packed.text("layout"), packed.size("part")});
    }
  }
  // Files before format version 3 have no packed weights.
  if (json.contains("packer")) plan.packer = members.text("packer");
  return plan;
}

}  // namespace tendon::engine_file
