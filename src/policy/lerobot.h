// LeRobot's policy directories: config.json and the processors beside the weights.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "policy/act.h"
#include "policy/normalization.h"

namespace tendon {

/// An input or output of the policy as config.json lists it.
struct LeRobotFeature {
  std::string name;
  /// "VISUAL", "STATE", "ENV" or "ACTION".
  std::string type;
  std::vector<int64_t> shape;
};

/// Where normalisation comes from: modes by type of feature, statistics by name of feature.
struct LeRobotNormalization {
  std::map<std::string, NormalizationMode, std::less<>> modes;
  std::map<std::string, FeatureStats, std::less<>> stats;
  float epsilon = 1e-8F;
  ZeroRange zero_range = ZeroRange::kReplaced;
  /// Inputs that are not in it are left alone; no value: none are.
  std::optional<std::vector<std::string>> only = {};
  /// "policy_preprocessor.json", for messages; "" where the directory says nothing.
  std::string source;

  NormalizationMode mode_of(std::string_view type) const;
  /// Into the network. A feature without statistics is left alone, as LeRobot does.
  Scaling input(const LeRobotFeature& feature) const;
  /// Out of it.
  Scaling output(const LeRobotFeature& feature) const;
};

struct LeRobotPolicy {
  /// Of images, in the order of their names.
  std::vector<LeRobotFeature> cameras;
  std::optional<LeRobotFeature> state;
  std::optional<LeRobotFeature> environment;
  LeRobotFeature action;
  int64_t heads = 8;
  bool pre_norm = false;
  bool dilated = false;
  std::string activation;
  /// Sizes that config.json states and tensors decide, by their name there.
  std::map<std::string, int64_t> stated;
  int64_t action_steps = 0;
  std::optional<double> ensemble_coefficient;
  LeRobotNormalization before;
  LeRobotNormalization after;
  /// Steps of the processors that do more than move and normalise data.
  std::vector<std::string> other_steps;
};

/// Whether the folder holds a config.json, whatever else it lacks.
bool is_lerobot_folder(const std::string& path);
/// The path of the weights. Throws Error{kBadInput} saying what there is instead.
std::string lerobot_weights_path(const std::string& folder);
/// `weights` holds the statistics of older checkpoints. Throws Error{kBadInput} naming file and
/// key, and Error{kUnsupported} for policies other than ACT.
LeRobotPolicy load_lerobot_policy(const std::string& folder, const StateDict& weights);

/// Sets what tensors cannot tell and returns what contradicts them.
std::vector<std::string> apply_to(Act& act, const LeRobotPolicy& policy);

}  // namespace tendon
