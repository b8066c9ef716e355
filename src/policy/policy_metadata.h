// What an exported policy says about itself.
#pragma once

#include <map>
#include <string>

#include "policy/act_network.h"
#include "policy/checkpoint.h"

namespace tendon {

/// Keys of ONNX metadata_props, all starting with "tendon.": source and its SHA-256, layout,
/// cameras, image size, chunk, decoder output, units, and training's normalisation where known.
std::map<std::string, std::string> policy_metadata(const PolicyCheckpoint& checkpoint,
                                                   const ActInterface& interface,
                                                   const CheckpointOptions& options);

}  // namespace tendon
