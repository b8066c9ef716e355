// The build log: profiles, configuration, passes, precisions, memory, time.
#include "engine/build_log.h"

#include <map>

#include "base/log.h"
#include "base/text_table.h"
#include "engine/plan.h"
#include "engine/profile.h"

namespace tendon {
namespace {

constexpr double kMiB = 1024.0 * 1024.0;
/// Parameters; fewer would print as 0.0 M.
constexpr int64_t kWorthMentioning = 50'000;

double mib(size_t bytes) { return static_cast<double>(bytes) / kMiB; }

struct PrecisionShare {
  size_t layers = 0;
  int64_t multiply_adds = 0;
};

void log_passes(const BuildInfo& info) {
  for (const PassRecord& pass : info.passes) {
    if (pass.nodes_removed == 0 && pass.note.empty()) continue;
    std::string text = fmt::format("Pass {}: {} nodes removed", pass.name, pass.nodes_removed);
    if (!pass.note.empty()) text += ", " + pass.note;
    if (pass.parameters_removed >= kWorthMentioning) {
      text += fmt::format(", {:.1f} M parameters removed",
                          static_cast<double>(pass.parameters_removed) / 1e6);
    }
    log_info("{}", text);
  }
  if (!info.parameter_usage.empty()) log_info("Parameters: {}", info.parameter_usage);
}

void log_precisions(const std::vector<LayerRecord>& layers) {
  std::map<DataType, PrecisionShare> shares;
  int64_t total = 0;
  for (const LayerRecord& layer : layers) {
    PrecisionShare& share = shares[layer.precision];
    ++share.layers;
    share.multiply_adds += layer.multiply_adds;
    total += layer.multiply_adds;
  }
  using Align = TextTable::Align;
  TextTable table({{"Precision", Align::kLeft},
                   {"Layers", Align::kRight},
                   {"Multiply-adds", Align::kRight},
                   {"Share", Align::kRight}});
  for (const auto& [precision, share] : shares) {
    const double part =
        total == 0 ? 0.0
                   : 100.0 * static_cast<double>(share.multiply_adds) / static_cast<double>(total);
    table.add_row({std::string(name_of(precision)), std::to_string(share.layers),
                   fmt::format("{:.3f} G", static_cast<double>(share.multiply_adds) / 1e9),
                   fmt::format("{:.1f} %", part)});
  }
  std::string text = table.to_string();
  text.pop_back();
  log_info("Layers by precision:\n{}", text);
}

/// Why layers with weights are not INT8: one line a reason that a range is missing for, one line
/// for each other reason with its layers.
void log_kept_layers(const QuantizationRecord& record) {
  std::map<std::string, std::vector<std::string>> layers;
  for (const auto& [layer, reason] : record.plan.kept) layers[reason].push_back(layer);
  for (const auto& [reason, names] : layers) {
    if (reason.starts_with("Missing scale")) {
      log_warning("{}: falls back to FP32 for {}", reason, fmt::join(names, ", "));
    } else {
      log_info("Not INT8 ({}): {}", reason, fmt::join(names, ", "));
    }
  }
  if (record.request.weight_limit < kFullRange) {
    log_info("INT8 weights use the codes -{} to {}", record.request.weight_limit,
             record.request.weight_limit);
  }
}

void log_layers(const std::vector<LayerRecord>& layers) {
  for (const LayerRecord& layer : layers) {
    std::string text =
        fmt::format("[{} '{}'] runs as {}/{}", layer.type, layer.name, layer.backend, layer.kernel);
    if (!layer.detail.empty()) text += fmt::format(" ({})", layer.detail);
    for (const TimedKernel& candidate : layer.candidates) {
      text += fmt::format("\n    {} took {:.3f} ms", candidate.kernel,
                          static_cast<double>(candidate.nanoseconds) / 1e6);
    }
    for (const Decline& decline : layer.declines) {
      text += fmt::format("\n    {} declined: {}", decline.kernel, decline.reason);
    }
    log_info("{}", text);
  }
}

}  // namespace

void log_configuration(const EngineParts& parts, const BuildConfig& config) {
  std::string profile;
  for (const EnginePort& port : parts.inputs) {
    profile += fmt::format("{}{} {}", profile.empty() ? "" : ",\n         ", port.name,
                           to_string(port.range));
  }
  log_info("Configuring with profiles:[\n    Profile 0:\n        {{{}}}\n]", profile);

  std::string text = fmt::format("Building engine with configuration:");
  const auto add = [&](std::string_view name, const std::string& value) {
    text += fmt::format("\n{:<22} | {}", name, value);
  };
  std::vector<std::string_view> sources;
  for (const Backend* backend : parts.backends) {
    if (!backend->unavailable()) sources.push_back(backend->name());
  }
  std::vector<std::string_view> flags;
  if (config.quantization) flags.push_back("INT8");
  if (config.fp16 || config.float16_weights) flags.push_back("FP16");
  if (config.bf16) flags.push_back("BF16");
  if (config.tf32) flags.push_back("TF32");
  add("Flags", fmt::format("[{}]", fmt::join(flags, ", ")));
  add("TF32", config.tf32 ? "on" : "off");
  add("Device", config.device);
  add("Device Features", parts.info.fingerprint);
  add("Threads", std::to_string(parts.info.threads));
  add("Memory Limit", config.memory_limit == 0
                          ? std::string("none")
                          : fmt::format("{:.2f} MiB", mib(config.memory_limit)));
  add("Kernel Sources", fmt::format("[{}]", fmt::join(sources, ", ")));
  if (!config.winograd) add("Winograd", "off");
  if (!config.load_tactics.empty()) {
    add("Tactics", fmt::format("as in '{}'", config.load_tactics));
  } else {
    add("Tactics", config.time_kernels ? "timed" : "in their fixed order");
  }
  if (!config.timing_cache.empty()) add("Timing Cache", config.timing_cache);
  if (!config.disabled_passes.empty()) {
    add("Disabled Passes", fmt::format("[{}]", fmt::join(config.disabled_passes, ", ")));
  }
  log(Severity::kStart, "{}", text);
}

void log_result(const CompiledEngine& engine, bool explain) {
  log_passes(engine.info());
  if (explain) log_layers(engine.layers());
  if (engine.info().quantization) log_kept_layers(*engine.info().quantization);
  log_precisions(engine.layers());
  const ExecutionPlan& plan = *engine.plan();
  log_info(
      "Weights: {:.2f} MiB ({:.2f} MiB of them also packed by kernels); activation memory: "
      "{:.2f} MiB (lower bound {:.2f} MiB)",
      mib(engine.weight_bytes()), mib(plan.packed_bytes), mib(engine.activation_bytes()),
      mib(plan.arena_lower_bound));
  log(Severity::kFinish, "Finished engine building in {:.3f} seconds", engine.info().build_seconds);
}

}  // namespace tendon
