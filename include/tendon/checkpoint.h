// What a trained policy's checkpoint does not say by itself.
#pragma once

#include <tendon/data.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tendon {

/// Which layer of ACT's decoder the action head reads. The original code takes the first, some
/// forks and LeRobot the last.
enum class DecoderOutput {
  kAutomatic,  ///< kLast for LeRobot, kFirst for the original layout
  kFirst,
  kLast,
};
/// "first" or "last". Throws Error{kUsage} for anything else.
DecoderOutput decoder_output_from_name(std::string_view name);

struct CheckpointOptions {
  /// In the order of training, which is part of the policy. Needed for the original layout; LeRobot
  /// directories name their cameras.
  std::vector<std::string> cameras = {};
  /// Of the images, in pixels; likewise.
  int64_t height = 0;
  int64_t width = 0;
  /// Training's statistics. LeRobot directories hold their own.
  std::optional<NormStats> stats = {};
  /// Take joint positions and give actions in the robot's units instead of standard deviations;
  /// needs statistics.
  bool raw_units = false;
  /// Take uint8 camera frames (…, height, width, 3) instead of float32 images (…, 3, height, width)
  /// in 0 to 1. The results are the same.
  bool raw_images = false;
  DecoderOutput decoder_output = DecoderOutput::kAutomatic;
  /// Attention heads; 0: what config.json says, else 8.
  int64_t heads = 0;
  /// Whether layers normalise before their work; without a value it is as the checkpoint says.
  std::optional<bool> pre_norm = {};
};

}  // namespace tendon
