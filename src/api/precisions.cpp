#include "api/precisions.h"

#include <tendon/calibrator.h>

#include <algorithm>

#include "api/names.h"
#include "api/network_impl.h"
#include "backends/registry.h"
#include "base/log.h"
#include "quant/explicit_precision.h"

namespace tendon {
namespace {

Calibration calibration_for(const EngineConfig& config, const Network& network) {
  if (config.calibrator != nullptr) return config.calibrator->calibrate(network);
  if (config.calibration) {
    require_same_model(*config.calibration, network, config.force);
    return *config.calibration;
  }
  fail(ErrorKind::kUsage,
       "Network does not have explicit precision and no calibrator was provided. Give INT8 its "
       "ranges: a calibrator, a calibration cache (--cache) or a model with QuantizeLinear and "
       "DequantizeLinear");
}

}  // namespace

void check_layer_names(const EngineConfig& config, const Network& network) {
  std::vector<std::string> names;
  for (const Node& node : network.impl().graph.nodes()) names.push_back(node.name);
  for (const auto& entry : config.layer_precisions) {
    const std::string& layer = entry.first;
    const auto fits = [&](const std::string& name) { return fits_pattern(layer, name); };
    if (std::ranges::any_of(names, fits)) continue;
    fail(ErrorKind::kUsage,
         "engine_from_network: .layer_precisions names a layer '{}' that the network does not "
         "have{}",
         layer, did_you_mean(layer, names));
  }
}

std::optional<QuantizationRequest> quantization_from(const EngineConfig& config,
                                                     const Network& network) {
  if (!config.int8) return std::nullopt;
  if (is_precision_explicit(network.impl().graph)) {
    log_warning(
        "Calibrator won't be used in explicit precision mode: the model's own QuantizeLinear and "
        "DequantizeLinear decide");
    return std::nullopt;
  }
  QuantizationRequest request;
  request.ranges = calibration_for(config, network).ranges();
  request.overrides = config.layer_precisions;
  request.layers = config.int8_layers;
  request.weight_limit = config.reduce_range ? kReducedRange : kFullRange;
  return request;
}

HalfEvidence half_evidence_from(const EngineConfig& config, const Network& network) {
  HalfEvidence evidence;
  const bool is_calibrated = config.calibrator != nullptr || config.calibration;
  if (!is_calibrated || is_precision_explicit(network.impl().graph)) return evidence;
  evidence.ranges = calibration_for(config, network).ranges();
  if (config.calibrator == nullptr) return evidence;
  evidence.frames = config.calibrator->sample(network);
  evidence.backends = backends_for_device("cpu");
  return evidence;
}

}  // namespace tendon
