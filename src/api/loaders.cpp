// The loaders: each reads, makes or writes one thing.
#include <tendon/loaders.h>

#include <algorithm>

#include "api/engine_impl.h"
#include "api/names.h"
#include "api/network_impl.h"
#include "api/precisions.h"
#include "backends/registry.h"
#include "base/byte_reader.h"
#include "base/file.h"
#include "base/log.h"
#include "engine/engine_file.h"
#include "onnx/exporter.h"
#include "onnx/importer.h"
#include "policy/checkpoint.h"

namespace tendon {
namespace {

std::string no_such_value(const std::string& wanted, const std::vector<std::string>& known) {
  return fmt::format("modify_network_outputs: the network computes no value '{}'{} (known are {})",
                     wanted, did_you_mean(wanted, known), quoted_list(known));
}

/// Names of all values that nodes compute.
std::vector<std::string> computed_names(const Graph& graph) {
  std::vector<std::string> names;
  for (const Node& node : graph.nodes()) {
    if (!node.alive) continue;
    for (const ValueId id : node.outputs) {
      if (id != kNone) names.push_back(graph.value(id).name);
    }
  }
  return names;
}

BuildConfig build_config_from(const EngineConfig& config) {
  BuildConfig build;
  build.device = config.device;
  for (const auto& [name, range] : config.profile.ranges()) {
    build.profile[name] = {range.min, range.opt, range.max};
  }
  build.threads = config.threads;
  build.disabled_passes = config.disabled_passes;
  build.explain = config.explain;
  build.memory_limit = config.memory_limit;
  build.float16_weights = config.fp16 && !has_gpu(config.device);
  build.metadata = config.metadata;
  build.tf32 = config.tf32 && has_gpu(config.device);
  build.winograd = config.winograd;
  build.packed_weights = config.packed_weights;
  build.fp16 = config.fp16 && has_gpu(config.device);
  build.bf16 = config.bf16 && !without_bfloat16(config.device);
  for (const auto& [layer, type] : config.layer_precisions) {
    if (type == DataType::kFloat32) build.float32_layers.push_back(layer);
  }
  build.time_kernels = config.tactics;
  build.timing_cache = config.timing_cache;
  build.load_tactics = config.load_tactics;
  build.save_tactics = config.save_tactics;
  return build;
}

}  // namespace

Bytes bytes_from_path(std::string path) {
  const auto file = MappedFile::open(path);
  return Bytes(file->bytes(), file, path);
}

Bytes save_bytes(Loadable<Bytes> bytes, std::string path) {
  const Bytes content = bytes();
  AtomicFileWriter file(path);
  file.write(content.view());
  file.commit();
  return content;
}

Network network_from_onnx_path(std::string path) {
  return network_from_graph(graph_from_onnx_path(path));
}

Network network_from_onnx_bytes(Loadable<Bytes> bytes) {
  const Bytes content = bytes();
  return network_from_graph(graph_from_onnx_bytes(content.view(), content.name()));
}

Network network_from_checkpoint(std::string path, CheckpointOptions options) {
  return network_from_graph(graph_from_checkpoint(load_policy_checkpoint(path), options));
}

Network modify_network_outputs(Loadable<Network> network, std::vector<std::string> outputs,
                               std::vector<std::string> exclude_outputs) {
  Graph graph = network().impl().graph;
  const std::vector<std::string> known = computed_names(graph);
  std::vector<std::string> chosen = outputs;
  if (outputs.size() == 1 && outputs.front() == kMarkAll) chosen = known;
  if (outputs.empty()) {
    for (const ValueId id : graph.outputs()) chosen.push_back(graph.value(id).name);
  }
  for (const std::string& name : exclude_outputs) {
    if (std::erase(chosen, name) == 0) {
      fail(ErrorKind::kUsage,
           "modify_network_outputs: '{}' is to be excluded but is no output{}; outputs are {}",
           name, did_you_mean(name, chosen), quoted_list(chosen));
    }
  }
  if (chosen.empty()) {
    fail(ErrorKind::kUsage, "modify_network_outputs: no output would be left; keep at least one");
  }
  std::vector<ValueId> ids;
  for (const std::string& name : chosen) {
    const bool was_output = std::any_of(graph.outputs().begin(), graph.outputs().end(),
                                        [&](ValueId id) { return graph.value(id).name == name; });
    if (!was_output && std::find(known.begin(), known.end(), name) == known.end()) {
      fail(ErrorKind::kUsage, "{}", no_such_value(name, known));
    }
    const ValueId id = graph.find_value(name);
    if (std::find(ids.begin(), ids.end(), id) == ids.end()) ids.push_back(id);
  }
  graph.set_outputs(std::move(ids));
  return network_from_graph(std::move(graph));
}

Bytes onnx_from_network(Loadable<Network> network, OnnxOptions options) {
  const auto content = std::make_shared<const std::string>(
      onnx_bytes_from_graph(network().impl().graph, {.opset = options.opset}));
  return Bytes(bytes_of(*content), content, "onnx_from_network");
}

Network save_onnx(Loadable<Network> network, std::string path, OnnxOptions options) {
  const Network made = network();
  log_info("Saving ONNX model to {}", path);
  write_onnx_file(made.impl().graph, path, {.opset = options.opset});
  return made;
}

Engine engine_from_network(Loadable<Network> network, Loadable<EngineConfig> config) {
  const EngineConfig checked = create_config(config());
  const Network source = network();
  BuildConfig build = build_config_from(checked);
  check_layer_names(checked, source);
  build.quantization = quantization_from(checked, source);
  if (build.fp16) build.half_evidence = half_evidence_from(checked, source);
  return engine_from_compiled(
      build_engine(source.impl().graph, build, backends_for_device(checked.device)));
}

Engine engine_from_bytes(Loadable<Bytes> bytes) {
  const Bytes content = bytes();
  return engine_from_compiled(compiled_engine_from_bytes(content.view(), content.owner(),
                                                         content.name(), backends_for_device));
}

Engine engine_from_path(std::string path) {
  return engine_from_compiled(read_engine_file(path, backends_for_device));
}

Bytes bytes_from_engine(Loadable<Engine> engine) {
  return bytes_from_compiled_engine(*engine().impl().compiled);
}

Engine save_engine(Loadable<Engine> engine, std::string path) {
  const Engine made = engine();
  log_info("Saving engine to {}", path);
  write_engine_file(*made.impl().compiled, path);
  return made;
}

}  // namespace tendon
