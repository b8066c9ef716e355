#include "policy/lerobot_processors.h"

#include <algorithm>
#include <filesystem>

#include "base/file.h"
#include "policy/safetensors.h"

namespace tendon {
namespace {

namespace fs = std::filesystem;

constexpr const char* kBefore = "policy_preprocessor.json";
constexpr const char* kAfter = "policy_postprocessor.json";
/// Steps that leave the numbers alone.
constexpr std::string_view kNeutralSteps[] = {"rename_observations_processor", "to_batch_processor",
                                              "device_processor"};

std::vector<float> floats_of(const Tensor& tensor) {
  const Tensor converted = cast(tensor, DataType::kFloat32);
  const auto values = converted.data<float>();
  return {values.begin(), values.end()};
}

/// "observation.state.mean" belongs to feature "observation.state".
void add_statistic(LeRobotNormalization& normalization, const std::string& feature,
                   const std::string& statistic, const Tensor& tensor) {
  constexpr int64_t kMost = 1 << 20;
  // Some statistics of images are counts; what a mode needs is checked where it is used.
  if (tensor.size() <= kMost) normalization.stats[feature][statistic] = floats_of(tensor);
}

/// A file beside the processor's own; other places are refused.
std::string sibling(const std::string& folder, const std::string& name, const std::string& place) {
  if (name.empty() || name.find('/') != std::string::npos || name == "." || name == ".." ||
      name.find('\0') != std::string::npos) {
    fail_input("{}: state_file '{}' must be the name of a file in the same folder", place, name);
  }
  return (fs::path(folder) / name).string();
}

/// Observations that the step lists as its features and, where it chooses, among those chosen.
void read_filters(LeRobotNormalization& normalization, const Json& config,
                  const std::string& place) {
  std::vector<std::string> listed;
  const Json& features = json_member(config, "features", place);
  if (!features.is_object()) fail_input("{}: 'features' is no object", place);
  for (const auto& [name, feature] : features.items()) listed.push_back(name);
  const auto chosen = config.find("normalize_observation_keys");
  if (chosen != config.end() && !chosen->is_null()) {
    if (!chosen->is_array()) fail_input("{}: 'normalize_observation_keys' is no list", place);
    std::erase_if(listed, [&](const std::string& name) {
      return std::ranges::find(*chosen, Json(name)) == chosen->end();
    });
  }
  normalization.only = std::move(listed);
}

void read_step(LeRobotNormalization& normalization, const std::string& folder, const Json& step,
               const std::string& place) {
  const Json& config = json_member(step, "config", place);
  normalization.modes = modes_from_json(json_member(config, "norm_map", place), place);
  normalization.source = place;
  if (config.contains("eps")) {
    normalization.epsilon = static_cast<float>(json_number(config["eps"], place + ": eps"));
  }
  read_filters(normalization, config, place);
  if (!step.contains("state_file")) return;
  const std::string path = sibling(folder, json_string(step["state_file"], place), place);
  const StateDict state = load_safetensors(path);
  for (const NamedTensor& named : state.tensors()) {
    const size_t dot = named.name.rfind('.');
    if (dot == std::string::npos) {
      fail_input("{}: tensor '{}', expected names such as 'action.mean'", path, named.name);
    }
    add_statistic(normalization, named.name.substr(0, dot), named.name.substr(dot + 1),
                  named.tensor);
  }
}

/// The one step of that name in a processor file; all others must be neutral.
void read_processor(LeRobotNormalization& normalization, std::vector<std::string>& other_steps,
                    const std::string& folder, const char* file, std::string_view wanted) {
  const std::string path = (fs::path(folder) / file).string();
  const Json root = load_json(path);
  const Json& steps = json_member(root, "steps", path);
  if (!steps.is_array()) fail_input("{}: 'steps' is no list", path);
  bool found = false;
  for (const Json& step : steps) {
    const auto registry = step.find("registry_name");
    const std::string name =
        registry == step.end() ? "a step without registry_name" : json_string(*registry, path);
    if (name == wanted) {
      if (found) fail_input("{}: two steps '{}'", path, wanted);
      found = true;
      read_step(normalization, folder, step, path);
    } else if (std::ranges::find(kNeutralSteps, name) == std::end(kNeutralSteps)) {
      other_steps.push_back(fmt::format("'{}' in {}", name, file));
    }
  }
  // LeRobot then normalises nothing, and says so by the step's absence.
  normalization.source = path;
}

/// Statistics in the policy itself: "normalize_inputs.buffer_observation_state.mean".
bool read_buffers(LeRobotPolicy& policy, const StateDict& weights,
                  const std::map<std::string, NormalizationMode, std::less<>>& modes) {
  std::vector<LeRobotFeature> features = policy.cameras;
  if (policy.state) features.push_back(*policy.state);
  if (policy.environment) features.push_back(*policy.environment);
  features.push_back(policy.action);
  bool found = false;
  for (const LeRobotFeature& feature : features) {
    const bool is_action = feature.type == "ACTION";
    std::string buffer = feature.name;
    std::ranges::replace(buffer, '.', '_');
    buffer = fmt::format("{}.buffer_{}.", is_action ? "unnormalize_outputs" : "normalize_inputs",
                         buffer);
    for (const NamedTensor& named : weights.tensors()) {
      if (!named.name.starts_with(buffer)) continue;
      found = true;
      add_statistic(is_action ? policy.after : policy.before, feature.name,
                    named.name.substr(buffer.size()), named.tensor);
    }
  }
  if (!found) return false;
  for (LeRobotNormalization* normalization : {&policy.before, &policy.after}) {
    normalization->modes = modes;
    normalization->zero_range = ZeroRange::kAdded;
    normalization->source = weights.source();
  }
  return true;
}

}  // namespace

std::map<std::string, NormalizationMode, std::less<>> modes_from_json(const Json& modes,
                                                                      const std::string& place) {
  if (!modes.is_object()) fail_input("{}: normalisation modes are no object", place);
  std::map<std::string, NormalizationMode, std::less<>> result;
  for (const auto& [type, mode] : modes.items()) {
    result[type] = normalization_mode_from_name(json_string(mode, place), place);
  }
  return result;
}

void read_normalization(LeRobotPolicy& policy, const std::string& folder, const StateDict& weights,
                        const std::map<std::string, NormalizationMode, std::less<>>& modes) {
  const bool before = fs::exists(fs::path(folder) / kBefore);
  const bool after = fs::exists(fs::path(folder) / kAfter);
  if (before) {
    read_processor(policy.before, policy.other_steps, folder, kBefore, "normalizer_processor");
  }
  if (after) {
    read_processor(policy.after, policy.other_steps, folder, kAfter, "unnormalizer_processor");
  }
  if (!before && !after && !read_buffers(policy, weights, modes)) {
    policy.before.modes = policy.after.modes = modes;
  }
}

}  // namespace tendon
