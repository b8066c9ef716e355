// A trained policy as training leaves it behind, and the network in it.
#pragma once

#include <tendon/checkpoint.h>

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "ir/graph.h"
#include "policy/act_audit.h"
#include "policy/lerobot.h"

namespace tendon {

struct PolicyCheckpoint {
  /// The file or folder that was given, and the file that holds the weights.
  std::string path;
  std::string weights_path;
  StateDict weights;
  Act act;
  /// Of LeRobot's folders.
  std::optional<LeRobotPolicy> lerobot;
  /// Where config.json and tensors disagree.
  std::vector<std::string> contradictions;
};

/// Whether a file holds tensors by name: a checkpoint of torch.save or a safetensors file.
bool is_weights_file(std::span<const std::byte> bytes, const std::string& path);
/// The tensors of such a file.
StateDict load_weights(const std::string& path);

/// Reads a checkpoint of torch.save or a LeRobot directory. Throws Error{kBadInput} naming the file
/// and the place, and Error{kUnsupported} for policies other than ACT.
PolicyCheckpoint load_policy_checkpoint(const std::string& path);

/// What the options decide, on top of what the checkpoint says. Throws Error{kUsage} for options
/// that are missing or do not fit.
void apply_options(PolicyCheckpoint& checkpoint, const CheckpointOptions& options);

/// The policy for inference, with metadata that say where it comes from and what it expects.
Graph graph_from_checkpoint(PolicyCheckpoint checkpoint, const CheckpointOptions& options);

/// "first (layer 1 of 7)", "last (layer 7 of 7)"
std::string decoder_output_text(const Act& act);

}  // namespace tendon
