#include "policy/policy_metadata.h"

#include <filesystem>

#include "base/checksum.h"
#include "base/json.h"

namespace tendon {
namespace {

/// Normalisation outside the network, so that its users need no other file: y = (x - center) /
/// scale + offset for inputs, x = (y - offset) * scale + center for outputs.
Json scaling_json(const Scaling& scaling) {
  return {{"center", scaling.center}, {"scale", scaling.scale}, {"offset", scaling.offset}};
}

void add_scaling_of(Json& json, const std::string& name, const Scaling& scaling) {
  if (!scaling.empty()) json[name] = scaling_json(scaling);
}

std::string normalization_text(const PolicyCheckpoint& checkpoint, const ActInterface& interface,
                               const CheckpointOptions& options) {
  Json json = Json::object();
  if (options.stats) {
    const NormStats& stats = *options.stats;
    add_scaling_of(json, interface.state, {stats.qpos_mean, stats.qpos_std, 0});
    add_scaling_of(json, interface.action, {stats.action_mean, stats.action_std, 0});
  }
  if (checkpoint.lerobot) {
    const LeRobotPolicy& policy = *checkpoint.lerobot;
    if (policy.state) add_scaling_of(json, policy.state->name, policy.before.input(*policy.state));
    if (policy.environment) {
      add_scaling_of(json, policy.environment->name, policy.before.input(*policy.environment));
    }
    add_scaling_of(json, policy.action.name, policy.after.output(policy.action));
  }
  return json.empty() ? "" : json.dump();
}

}  // namespace

std::map<std::string, std::string> policy_metadata(const PolicyCheckpoint& checkpoint,
                                                   const ActInterface& interface,
                                                   const CheckpointOptions& options) {
  const Act& act = checkpoint.act;
  std::vector<std::string> cameras;
  std::vector<std::string> sizes;
  for (const CameraInput& camera : interface.cameras) {
    cameras.push_back(camera.name);
    sizes.push_back(fmt::format("{}x{}", camera.height, camera.width));
  }
  std::map<std::string, std::string> metadata{
      {"tendon.policy", "act"},
      {"tendon.layout", std::string(to_string(act.layout))},
      {"tendon.source", std::filesystem::path(checkpoint.weights_path).filename().string()},
      {"tendon.source_sha256", sha256_of_file(checkpoint.weights_path)},
      {"tendon.cameras", fmt::format("{}", fmt::join(cameras, ","))},
      {"tendon.image_sizes", fmt::format("{}", fmt::join(sizes, ","))},
      {"tendon.images", interface.raw_images ? "uint8, height x width x 3"
                                             : "float32 in 0 to 1, 3 x height x width"},
      {"tendon.chunk", std::to_string(act.chunk)},
      {"tendon.heads", std::to_string(act.heads)},
      {"tendon.decoder_output", decoder_output_text(act)},
      {"tendon.units", options.raw_units ? "raw" : "normalized"},
  };
  const std::string normalization = normalization_text(checkpoint, interface, options);
  if (!normalization.empty()) metadata["tendon.normalization"] = normalization;
  return metadata;
}

}  // namespace tendon
