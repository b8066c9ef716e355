// Options that say of a checkpoint what it does not say itself; for every verb that takes a model.
#pragma once

#include <tendon/checkpoint.h>

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "cli/data_options.h"

namespace tendon::cli {

struct CheckpointFlags {
  std::vector<std::string> cameras;
  std::string stats;
  int64_t height = 0;
  int64_t width = 0;
  int64_t heads = 0;
  bool raw_units = false;
  bool raw_images = false;
  bool pre_norm = false;
  bool post_norm = false;
  std::string decoder_output;
};

/// All but --cameras and --stats, which verbs with inputs have anyway.
void add_checkpoint_options(CLI::App& app, CheckpointFlags& flags);
/// These two, for the other verbs.
void add_camera_options(CLI::App& app, CheckpointFlags& flags);

/// Reads the statistics. Throws Error as CheckpointOptions' parts do.
CheckpointOptions checkpoint_options_from(const CheckpointFlags& flags);
/// The same for verbs with inputs: cameras are those of the episodes, and statistics are needed for
/// raw units only.
void take_data_options(CheckpointFlags& flags, const DataOptions& data);

}  // namespace tendon::cli
