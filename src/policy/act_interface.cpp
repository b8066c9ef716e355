#include "policy/act_interface.h"

#include <algorithm>
#include <set>

#include "base/format.h"
#include "base/limits.h"

namespace tendon {
namespace {

/// What the original network does to every image.
const Scaling& imagenet_scaling() {
  static const Scaling scaling{{0.485F, 0.456F, 0.406F}, {0.229F, 0.224F, 0.225F}, 0};
  return scaling;
}

void require_image_size(int64_t height, int64_t width) {
  const int64_t most = limits().max_jpeg_pixels;
  if (height < 1 || width < 1 || height > most || width > most / height) {
    fail(ErrorKind::kUsage,
         "images of {} x {} pixels; give the size that training used with "
         "--height and --width",
         height, width);
  }
}

void check_cameras(const std::vector<std::string>& cameras) {
  if (cameras.empty()) {
    fail(ErrorKind::kUsage,
         "the checkpoint does not name its cameras; give them in the order of training, such as "
         "--cameras cam_high,cam_left_wrist,cam_right_wrist");
  }
  std::set<std::string> seen;
  for (const std::string& camera : cameras) {
    if (camera.empty() || !seen.insert(camera).second) {
      fail(ErrorKind::kUsage, "cameras {}: '{}' is {}", fmt::join(cameras, ","), camera,
           camera.empty() ? "no name" : "named twice");
    }
  }
}

Scaling qpos_scaling(const NormStats& stats) { return {stats.qpos_mean, stats.qpos_std, 0}; }
Scaling action_scaling(const NormStats& stats) { return {stats.action_mean, stats.action_std, 0}; }

ActInterface original_interface(const PolicyCheckpoint& checkpoint,
                                const CheckpointOptions& options) {
  const Act& act = checkpoint.act;
  ActInterface interface;
  interface.raw_images = options.raw_images;
  check_cameras(options.cameras);
  if (act.backbones.size() > 1 && act.backbones.size() != options.cameras.size()) {
    fail(ErrorKind::kUsage,
         "{} cameras are given, but the checkpoint has a backbone for each of {}",
         options.cameras.size(), act.backbones.size());
  }
  if (options.height == 0 || options.width == 0) {
    fail(ErrorKind::kUsage,
         "the checkpoint does not say the size of its images; give it as --height 480 --width 640");
  }
  require_image_size(options.height, options.width);
  for (const std::string& camera : options.cameras) {
    interface.cameras.push_back({camera, options.height, options.width, imagenet_scaling()});
  }
  if (options.stats) {
    const NormStats& stats = *options.stats;
    if (stats.joint_count() != act.state || stats.action_count() != act.actions) {
      fail_input(
          "the statistics are of {} joints and {} actions, the policy has {} and {}; statistics of "
          "another robot?",
          stats.joint_count(), stats.action_count(), act.state, act.actions);
    }
  }
  if (!options.raw_units) return interface;
  if (!options.stats) {
    fail(ErrorKind::kUsage,
         "raw units need training's statistics, which the checkpoint lacks; give --stats "
         "dataset_stats.pkl");
  }
  interface.state_scaling = qpos_scaling(*options.stats);
  interface.action_scaling = action_scaling(*options.stats);
  return interface;
}

/// "top" for "observation.images.top".
std::string short_name(const std::string& feature) {
  return feature.substr(feature.rfind('.') + 1);
}

/// Options may repeat what config.json says, but not contradict it.
void check_repeated(const LeRobotPolicy& policy, const CheckpointOptions& options) {
  std::vector<std::string> names;
  for (const LeRobotFeature& camera : policy.cameras) names.push_back(camera.name);
  for (const std::string& given : options.cameras) {
    const bool known = std::ranges::any_of(
        names, [&](const std::string& name) { return name == given || short_name(name) == given; });
    if (!known) {
      fail(ErrorKind::kUsage, "the policy has no camera '{}'; config.json lists {}", given,
           names.empty() ? "none" : fmt::format("{}", fmt::join(names, ", ")));
    }
  }
  for (const LeRobotFeature& camera : policy.cameras) {
    if ((options.height != 0 && options.height != camera.shape[1]) ||
        (options.width != 0 && options.width != camera.shape[2])) {
      fail(ErrorKind::kUsage,
           "images of {} x {} pixels are asked for, but config.json says {} x {} for '{}'; leave "
           "out --height and --width",
           options.height, options.width, camera.shape[1], camera.shape[2], camera.name);
    }
  }
  if (options.stats) {
    fail(ErrorKind::kUsage,
         "statistics are given, but a LeRobot directory holds its own; leave out --stats");
  }
}

Scaling image_scaling(const LeRobotNormalization& normalization, const LeRobotFeature& camera) {
  const bool normalised = normalization.mode_of(camera.type) != NormalizationMode::kIdentity;
  if (normalised && normalization.source.empty()) {
    fail_input(
        "config.json asks for {} normalisation of '{}', but the directory has no statistics; "
        "expected policy_preprocessor.json with its state file, or buffers in model.safetensors",
        to_string(normalization.mode_of(camera.type)), camera.name);
  }
  return normalization.input(camera);
}

void set_raw_units(ActInterface& interface, const LeRobotPolicy& policy) {
  if (!policy.other_steps.empty()) {
    fail(ErrorKind::kUnsupported,
         "the processors do more than normalise ({}), so that raw units would not be the robot's; "
         "export in normalised units",
         first_of(policy.other_steps));
  }
  if (policy.before.source.empty() || policy.after.source.empty()) {
    fail_input(
        "raw units need statistics, but the directory has none; expected policy_preprocessor.json "
        "and policy_postprocessor.json with their state files, or buffers in model.safetensors");
  }
  if (policy.state) interface.state_scaling = policy.before.input(*policy.state);
  if (policy.environment) {
    interface.environment_scaling = policy.before.input(*policy.environment);
  }
  interface.action_scaling = policy.after.output(policy.action);
}

ActInterface lerobot_interface(const PolicyCheckpoint& checkpoint,
                               const CheckpointOptions& options) {
  const LeRobotPolicy& policy = *checkpoint.lerobot;
  check_repeated(policy, options);
  ActInterface interface;
  interface.raw_images = options.raw_images;
  interface.image.clear();
  interface.action = policy.action.name;
  if (policy.state) interface.state = policy.state->name;
  if (policy.environment) interface.environment = policy.environment->name;
  for (const LeRobotFeature& camera : policy.cameras) {
    require_image_size(camera.shape[1], camera.shape[2]);
    interface.cameras.push_back(
        {camera.name, camera.shape[1], camera.shape[2], image_scaling(policy.before, camera)});
  }
  if (!policy.state && !policy.environment && policy.cameras.empty()) {
    fail_input("config.json lists no input");
  }
  if (options.raw_units) set_raw_units(interface, policy);
  return interface;
}

}  // namespace

ActInterface interface_of(const PolicyCheckpoint& checkpoint, const CheckpointOptions& options) {
  try {
    return checkpoint.lerobot ? lerobot_interface(checkpoint, options)
                              : original_interface(checkpoint, options);
  } catch (const Error& error) {
    throw error.within(checkpoint.path);
  }
}

}  // namespace tendon
