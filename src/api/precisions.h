// From what a user allows to what the engine is told about precisions.
#pragma once

#include <tendon/engine.h>

#include "engine/engine.h"

namespace tendon {

/// Throws Error{kUsage} for a name or pattern in `config.layer_precisions` that fits no node.
void check_layer_names(const EngineConfig& config, const Network& network);

/// Nothing where INT8 is off or the network is explicitly quantized. Runs the calibrator where the
/// configuration has one. Throws Error{kUsage} for INT8 without ranges.
std::optional<QuantizationRequest> quantization_from(const EngineConfig& config,
                                                     const Network& network);

/// What is known of a network for float16: nothing of one that is explicitly quantized, else the
/// ranges of its calibration and, of a calibrator's data, some frames. Runs the calibrator where
/// the configuration has one.
HalfEvidence half_evidence_from(const EngineConfig& config, const Network& network);

}  // namespace tendon
