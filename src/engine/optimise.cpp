// The passes as the engine runs them: exact rewrites, then precisions, then fusion.
#include "base/log.h"
#include "engine/build.h"
#include "engine/gpu_images.h"
#include "engine/half_guard.h"
#include "passes/pipeline.h"
#include "quant/exact_images.h"
#include "quant/narrow_weights.h"
#include "quant/quantize.h"

namespace tendon {
namespace {

void set_precisions(Graph& graph, QuantizationRecord& record, bool gpu) {
  Ranges& ranges = record.request.ranges;
  const int images = gpu ? exact_images_for_gpu(graph, ranges) : exact_images(graph, ranges);
  if (images > 0) log_verbose("Frames enter {} convolution(s) as bytes, without an error", images);
  record.plan = plan_quantization(graph, record.request);
  if (gpu) keep_images_in_floats(graph, record.plan);
  quantize(graph, record.request, record.plan);
}

void round_weights(Graph& graph) {
  const NarrowedWeights done = narrow_weights(graph);
  log_verbose("{} weights are kept in float16", done.count);
  if (done.kept.empty()) return;
  log_warning("Kept in float32, because float16 would change them too much: {}",
              fmt::join(done.kept, ", "));
}

constexpr std::string_view kAskedFor = "is asked for in float32";

/// Adds the layers that fit `patterns` to those that stay float32.
void find_asked_layers(const Graph& graph, std::span<const std::string> patterns, BuildInfo& info) {
  for (const std::string& pattern : patterns) {
    bool found = false;
    for (const Node& node : graph.nodes()) {
      if (!node.alive || !fits_pattern(pattern, node.name)) continue;
      info.float32_layers.insert_or_assign(node.name, std::string(kAskedFor));
      log_info("[{}] stays in float32, as asked for", node.name);
      found = true;
    }
    if (!found) {
      log_warning(
          "No layer is left by the name '{}', which is to stay in float32: passes made it a part "
          "of others, which --show layers of inspect lists",
          pattern);
    }
  }
}

void tell(const KeptInFloat& kept, BuildInfo& info) {
  if (!kept.guarded) {
    log_verbose("[{}] stays in float32: {}", kept.layer, kept.reason);
  } else if (info.float32_layers.emplace(kept.layer, kept.reason).second) {
    log_warning("[{}] stays in float32: it {}", kept.layer, kept.reason);
  }
}

/// Both judges' objections; the second one's reasons count.
HalfJudge both(HalfJudge first, HalfJudge second) {
  return [first, second](const Graph& graph, std::span<const HalfLayer> layers) {
    auto objections = first(graph, layers);
    for (auto& [id, reason] : second(graph, layers)) objections.insert_or_assign(id, reason);
    return objections;
  };
}

void lower_to_float16(Graph& graph, BuildInfo& info, const HalfEvidence* evidence) {
  const Ranges none;
  const Ranges& ranges = info.quantization ? info.quantization->request.ranges
                         : evidence        ? evidence->ranges
                                           : none;
  // What is told is added to the names while they are looked up.
  const auto names = info.float32_layers;
  const HalfJudge by_names = judge_by_names(names);
  const HalfJudge judge =
      evidence ? both(judge_by_errors(*evidence, info.threads), by_names) : by_names;
  for (const KeptInFloat& kept : lower_to_half(graph, DataType::kFloat16, ranges, judge)) {
    tell(kept, info);
  }
}

void lower_to_bfloat16(Graph& graph, BuildInfo& info, bool gpu) {
  const auto names = info.float32_layers;
  const HalfOf of = gpu ? HalfOf::kEverything : HalfOf::kProducts;
  for (const KeptInFloat& kept :
       lower_to_half(graph, DataType::kBFloat16, {}, judge_by_names(names), of)) {
    tell(kept, info);
  }
}

}  // namespace

std::vector<PassRecord> optimise(Graph& graph, BuildInfo& info, const OptimiseOptions& options) {
  if (!info.optimised) return {};
  const bool gpu = info.device.starts_with("cuda");
  const auto after_canonical = [&](Graph& canonical) {
    if (options.after_canonical) options.after_canonical(canonical);
    if (info.quantization) set_precisions(canonical, *info.quantization, gpu);
  };
  // The CPU's kernel for images computes in float32.
  const PassStage last = gpu ? PassStage::kGpu : info.bf16 ? PassStage::kFuse : PassStage::kLate;
  const PassReport report = run_passes(graph, {.stage = last,
                                               .after_canonical = after_canonical,
                                               .disabled = info.disabled_passes,
                                               .dump_folder = options.dump_folder});
  if (info.float16_weights) round_weights(graph);
  std::vector<PassRecord> records;
  for (const PassResult& result : report.passes) {
    records.push_back({result.name,
                       result.seconds,
                       static_cast<int64_t>(result.nodes_removed),
                       result.parameters_removed,
                       {}});
    if (result.nodes_added > 0) records.back().note = fmt::format("{} added", result.nodes_added);
  }
  if (info.fp16 || info.bf16) find_asked_layers(graph, options.float32_layers, info);
  if (info.fp16) lower_to_float16(graph, info, options.half_evidence);
  if (info.bf16 && !info.fp16) lower_to_bfloat16(graph, info, gpu);
  return records;
}

}  // namespace tendon
