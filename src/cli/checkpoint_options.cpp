#include "cli/checkpoint_options.h"

#include "base/format.h"

namespace tendon::cli {

void add_checkpoint_options(CLI::App& app, CheckpointFlags& flags) {
  const auto group = [](CLI::Option* option) { return option->group("Checkpoint"); };
  group(app.add_option("--height", flags.height, "Height of the images in pixels"))
      ->check(CLI::PositiveNumber);
  group(app.add_option("--width", flags.width, "Width of the images in pixels"))
      ->check(CLI::PositiveNumber);
  group(app.add_flag("--raw-units", flags.raw_units,
                     "Joints and actions in the robot's units; needs --stats"));
  group(app.add_flag("--raw-images", flags.raw_images,
                     "uint8 camera frames (height, width, 3) as images"));
  group(app.add_option("--decoder-output", flags.decoder_output,
                       "Decoder layer that the actions are read from: first (the original's, "
                       "default) or last (LeRobot's, default there)"))
      ->check(CLI::IsMember({"first", "last"}));
  group(app.add_option("--heads", flags.heads, "Attention heads, if not 8"))
      ->check(CLI::PositiveNumber);
  auto* pre = group(app.add_flag("--pre-norm", flags.pre_norm,
                                 "Layers normalise before their work, whatever the tensors say"));
  group(app.add_flag("--post-norm", flags.post_norm, "Layers normalise after their work"))
      ->excludes(pre);
}

void add_camera_options(CLI::App& app, CheckpointFlags& flags) {
  const auto group = [](CLI::Option* option) { return option->group("Checkpoint"); };
  group(app.add_option("--cameras", flags.cameras, "Cameras in the policy's order"))
      ->delimiter(',')
      ->type_name("A,B,C");
  group(
      app.add_option("--stats", flags.stats, "Training's statistics (dataset_stats.pkl or .json)"))
      ->type_name("FILE");
}

CheckpointOptions checkpoint_options_from(const CheckpointFlags& flags) {
  CheckpointOptions options;
  options.cameras = flags.cameras;
  options.height = flags.height;
  options.width = flags.width;
  if (!flags.stats.empty()) options.stats = NormStats::load(flags.stats);
  options.raw_units = flags.raw_units;
  options.raw_images = flags.raw_images;
  options.heads = flags.heads;
  if (!flags.decoder_output.empty()) {
    options.decoder_output = decoder_output_from_name(flags.decoder_output);
  }
  if (flags.pre_norm || flags.post_norm) options.pre_norm = flags.pre_norm;
  return options;
}

void take_data_options(CheckpointFlags& flags, const DataOptions& data) {
  flags.cameras = data.cameras;
  if (flags.raw_units) flags.stats = data.stats;
}

}  // namespace tendon::cli
