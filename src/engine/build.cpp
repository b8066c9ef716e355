// From an imported graph to a compiled engine.
#include "engine/build.h"

#include <algorithm>
#include <chrono>

#include "base/file.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/parallel.h"
#include "engine/build_log.h"
#include "engine/plan.h"
#include "engine/profile.h"
#include "engine/tactics_file.h"
#include "ir/graph_edit.h"
#include "ir/infer.h"
#include "passes/liveness.h"

namespace tendon {
namespace {

std::vector<TensorType> output_types(const Graph& graph) {
  std::vector<TensorType> types;
  for (const ValueId id : graph.outputs()) types.push_back(graph.type(id));
  return types;
}

std::vector<TensorType> output_types_at(Graph graph, std::span<const EnginePort> inputs,
                                        Shape ShapeRange::*bound) {
  std::map<std::string, Shape> shapes;
  for (const EnginePort& port : inputs) shapes[port.name] = port.range.*bound;
  bind_inputs(graph, shapes);
  return output_types(graph);
}

/// Chooses the kernels as the configuration says.
std::shared_ptr<const ExecutionPlan> plan_of(const EngineParts& parts, const BuildConfig& config) {
  const ThreadCountScope threads(parts.info.threads);
  ChooseOptions options{parts.info.threads, {}, {}, parts.info.tf32, parts.info.winograd};
  if (!config.load_tactics.empty()) {
    const std::vector<Tactic> tactics = tactics_from_text(
        read_text_file(config.load_tactics, limits().max_json_bytes), config.load_tactics);
    options.tactics = &tactics;
    return make_plan(parts.graph, parts.backends, options);
  }
  if (!config.time_kernels) return make_plan(parts.graph, parts.backends, options);
  TimingCache cache(machine_of(parts.backends));
  if (!config.timing_cache.empty()) cache.load(config.timing_cache);
  Timing timing{cache};
  options.timing = &timing;
  const auto start = std::chrono::steady_clock::now();
  std::shared_ptr<const ExecutionPlan> plan = make_plan(parts.graph, parts.backends, options);
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  log_info("Chose kernels by time in {:.2f} seconds: timed those of {} layers, {} had known times",
           seconds.count(), timing.timed, timing.known);
  if (!config.timing_cache.empty() && timing.timed > 0) cache.save(config.timing_cache);
  return plan;
}

void save_tactics(const Graph& graph, const ExecutionPlan& plan, const std::string& path) {
  std::vector<Tactic> tactics;
  for (const NodeId id : layers_of(graph)) {
    tactics.push_back({graph.node(id).name, plan.choice[tactics.size()]});
  }
  write_file_atomically(path, text_from_tactics(tactics));
  log_info("Saved the kernels of {} layers to '{}'", tactics.size(), path);
}

void check_memory(const ExecutionPlan& plan, size_t limit) {
  const size_t needed = plan.arena_bytes + plan.device_arena_bytes;
  if (limit == 0 || needed <= limit) return;
  fail(ErrorKind::kUsage,
       "the engine needs {} bytes for activations, more than the memory limit of {}; raise the "
       "limit or give smaller shapes",
       needed, limit);
}

}  // namespace

std::string fingerprint_of(std::span<Backend* const> backends) {
  std::vector<std::string> parts;
  for (const Backend* backend : backends) {
    if (!backend->unavailable()) {
      parts.push_back(fmt::format("{}: {}", backend->name(), backend->fingerprint()));
    }
  }
  return fmt::format("{}", fmt::join(parts, "; "));
}

std::string packer_of(std::span<Backend* const> backends) {
  return fmt::format("Tendon {}, {}", TENDON_VERSION, fingerprint_of(backends));
}

std::shared_ptr<const CompiledEngine> build_engine(Graph graph, const BuildConfig& config,
                                                   std::span<Backend* const> backends) {
  const auto start = std::chrono::steady_clock::now();
  EngineParts parts;
  parts.backends.assign(backends.begin(), backends.end());
  parts.info.tool_version = TENDON_VERSION;
  parts.info.device = config.device;
  parts.info.fingerprint = fingerprint_of(backends);
  parts.info.threads = config.threads > 0 ? config.threads : thread_count();
  parts.info.optimised = config.optimise;
  parts.info.float16_weights = config.float16_weights;
  parts.info.disabled_passes = config.disabled_passes;
  parts.info.metadata = config.metadata;
  parts.info.tf32 = config.tf32;
  parts.info.winograd = config.winograd;
  parts.info.packed_weights = config.packed_weights;
  parts.info.fp16 = config.fp16;
  parts.info.bf16 = config.bf16;
  TENDON_ASSERT(config.optimise || !(config.quantization || config.float16_weights));
  if (config.quantization) {
    parts.info.quantization = QuantizationRecord{*config.quantization, {}};
  }
  parts.inputs = resolve_profile(graph, config.profile);
  log_configuration(parts, config);

  std::vector<TensorType> min_outputs;
  std::vector<TensorType> max_outputs;
  if (has_range(parts.inputs)) {
    TENDON_ASSERT(!config.after_canonical);
    remove_unused_nodes(graph);
    graph.compact();
    parts.symbolic = graph;
    min_outputs = output_types_at(graph, parts.inputs, &ShapeRange::min);
    max_outputs = output_types_at(graph, parts.inputs, &ShapeRange::max);
  }
  std::vector<std::string> output_names;
  for (const ValueId id : graph.outputs()) output_names.push_back(graph.value(id).name);
  std::map<std::string, Shape> opt;
  for (const EnginePort& port : parts.inputs) opt[port.name] = port.range.opt;
  bind_inputs(graph, opt);
  if (config.optimise) parts.info.parameter_usage = to_string(parameter_usage(graph));
  parts.info.passes = optimise(graph, parts.info,
                               {.dump_folder = config.dump_folder,
                                .after_canonical = config.after_canonical,
                                .half_evidence = &config.half_evidence,
                                .float32_layers = config.float32_layers});
  if (auto& quantization = parts.info.quantization) {
    // Other shapes of the profile get the same precisions.
    quantization->request.layers = quantization->plan.int8_layers;
  }
  graph.compact();
  const std::vector<TensorType> opt_outputs = output_types(graph);
  for (size_t i = 0; i < opt_outputs.size(); ++i) {
    const Shape& shape = opt_outputs[i].shape;
    const bool fixed = min_outputs.empty();
    parts.outputs.push_back(
        {output_names[i],
         opt_outputs[i].dtype,
         {fixed ? shape : min_outputs[i].shape, shape, fixed ? shape : max_outputs[i].shape}});
  }
  parts.graph = std::move(graph);

  parts.plan = plan_of(parts, config);
  check_memory(*parts.plan, config.memory_limit);
  if (!config.save_tactics.empty()) save_tactics(parts.graph, *parts.plan, config.save_tactics);
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  parts.info.build_seconds = seconds.count();
  const auto engine = std::make_shared<const CompiledEngine>(std::move(parts));
  log_result(*engine, config.explain);
  return engine;
}

}  // namespace tendon
