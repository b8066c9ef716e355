#include "cli/calibration_frames.h"

#include <algorithm>

#include "base/format.h"
#include "cli/progress.h"

namespace tendon::cli {
namespace {

void check_cameras(const Network& network, const EpisodicDataset& dataset) {
  const std::vector<TensorInfo> inputs = network.inputs();
  const TensorInfo* image = find(inputs, "image");
  if (image == nullptr || image->axes.size() != 5) return;
  const auto given = static_cast<int64_t>(dataset.cameras().size());
  const Axis& wanted = image->axes[1];
  if (given >= wanted.min && given <= wanted.max) return;
  fail_input(
      "{}: {} camera(s) ({}), the model takes {}; name the policy's cameras in its order with "
      "--cameras",
      dataset.path(), given, fmt::join(dataset.cameras(), ", "), wanted.min);
}

}  // namespace

Observations calibration_frames(const DataOptions& options, const FrameChoice& choice,
                                const Network& network) {
  const EpisodicDataset dataset(options.episodes, {.cameras = options.cameras,
                                                   .color = color_order_from_name(options.color),
                                                   .allow_bad_steps = choice.allow_bad});
  ObservationOptions chosen{.frames = options.frames,
                            .sampling = choice.sampling,
                            .seed = options.seed,
                            .stride = options.stride,
                            .batch = choice.batch,
                            .raw_units = has_raw_units(network.metadata()),
                            .raw_images = has_raw_images(network.inputs())};
  if (options.frames == 0) {
    int64_t total = 0;
    for (int64_t i = 0; i < dataset.size(); ++i) {
      total += (dataset.length(i) + options.stride - 1) / options.stride;
    }
    chosen.frames = std::min(total, kCalibrationFrames);
  }
  Observations made = observations(dataset, *stats_from(options), chosen);
  check_cameras(network, made.dataset());
  return made;
}

std::function<void(const CalibratedFrame&)> watch_calibration(int64_t count,
                                                              CameraOrderCheck* cameras) {
  const auto progress = std::make_shared<Progress>("Calibrating", count, "frames");
  return [progress, cameras, shown = int64_t{0}](const CalibratedFrame& frame) mutable {
    progress->advance(frame.done - std::exchange(shown, frame.done));
    if (cameras != nullptr) cameras->look_at(frame);
  };
}

}  // namespace tendon::cli
