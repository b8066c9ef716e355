// Profile and EngineConfig: checks that need no network, and text.
#include <tendon/loaders.h>

#include "backends/registry.h"
#include "base/log.h"

namespace tendon {
namespace {

constexpr int kMaxThreads = 1024;

void note_missing(bool wanted, std::string_view flag, std::string_view what,
                  const EngineConfig& config) {
  if (!wanted) return;
  log_warning("{} is allowed, but device '{}' has no {} arithmetic here: float32 is used", flag,
              config.device, what);
}

}  // namespace

Profile& Profile::add(const std::string& name, const Shape& min, const Shape& opt,
                      const Shape& max) {
  bool ordered = min.rank() == opt.rank() && opt.rank() == max.rank();
  for (int i = 0; ordered && i < opt.rank(); ++i) {
    ordered = min[i] <= opt[i] && opt[i] <= max[i];
  }
  if (!ordered) {
    fail(ErrorKind::kUsage,
         "Profile: input '{}' has min={}, opt={}, max={}; expected equal ranks and "
         "min <= opt <= max on every axis",
         name, min, opt, max);
  }
  if (!ranges_.emplace(name, Range{min, opt, max}).second) {
    fail(ErrorKind::kUsage, "Profile: input '{}' was added before; add each input once", name);
  }
  return *this;
}

Profile& Profile::fill_defaults(const Network& network, int64_t default_size) {
  for (const TensorInfo& input : network.inputs()) {
    if (ranges_.contains(input.name)) continue;
    Shape shape;
    bool open = false;
    for (const Axis& axis : input.axes) {
      shape.push_back(axis.fixed() ? axis.min : default_size);
      open = open || !axis.fixed();
    }
    if (open) {
      Logger::global().log_once(
          Severity::kWarning,
          fmt::format("Input tensor: {} (dynamic shape {}) has no shape in the profile; will use "
                      "{}. If this is incorrect, add it to the profile.",
                      input.name, to_string(input.axes), shape));
    }
    add(input.name, shape);
  }
  return *this;
}

std::string to_string(const Profile& profile) {
  std::string text;
  for (const auto& [name, range] : profile.ranges()) {
    text += fmt::format("{}{} [min={}, opt={}, max={}]", text.empty() ? "" : ",\n ", name,
                        range.min, range.opt, range.max);
  }
  return "{" + text + "}";
}

EngineConfig create_config(EngineConfig config) {
  backends_for_device(config.device);
  if (!has_gpu(config.device)) {
    if (config.fp16) {
      log_warning(
          "FP16 is allowed, but device '{}' has no float16 arithmetic here: layers compute in "
          "float32, and their weights are kept in float16",
          config.device);
    }
    note_missing(config.tf32, "TF32", "TF32", config);
  }
  if (config.bf16) {
    if (const auto reason = without_bfloat16(config.device)) {
      log_warning(
          "BF16 is allowed, but device '{}' has no bfloat16 arithmetic here ({}): float32 is used",
          config.device, *reason);
    }
  }
  const bool uses_calibration = config.int8 || (config.fp16 && has_gpu(config.device));
  if (!uses_calibration && (config.calibrator != nullptr || config.calibration)) {
    log_warning(
        "A calibration was given, but neither INT8 nor, on a GPU, FP16 is allowed: it is not used");
  }
  if (config.reduce_range && !config.int8) {
    fail(ErrorKind::kUsage, "create_config: .reduce_range is for INT8 weights, but .int8 is off");
  }
  for (const auto& [layer, dtype] : config.layer_precisions) {
    if (dtype == DataType::kInt8 && !config.int8) {
      fail(ErrorKind::kUsage,
           "create_config: .layer_precisions asks for int8 in layer '{}', but .int8 is off", layer);
    }
  }
  if (!config.timing_cache.empty() && !config.tactics) {
    fail(ErrorKind::kUsage,
         "create_config: .timing_cache is '{}', but .tactics is off: nothing is timed",
         config.timing_cache);
  }
  if (!config.load_tactics.empty() && config.tactics) {
    fail(ErrorKind::kUsage,
         "create_config: .load_tactics says which kernels to take; leave .tactics off");
  }
  if (config.threads < 0 || config.threads > kMaxThreads) {
    fail(ErrorKind::kUsage, "create_config: .threads is {}; expected 0 (all cores) to {}",
         config.threads, kMaxThreads);
  }
  return config;
}

}  // namespace tendon
