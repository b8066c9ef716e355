#include "policy/lerobot.h"

#include <algorithm>
#include <filesystem>

#include "base/format.h"
#include "base/json.h"
#include "policy/lerobot_processors.h"

namespace tendon {
namespace {

namespace fs = std::filesystem;

constexpr const char* kConfig = "config.json";
constexpr const char* kWeights = "model.safetensors";
constexpr const char* kShards = "pytorch_model_fsdp_0";

/// Sizes of config.json that the tensors tell as well.
struct StatedSize {
  const char* key;
  int64_t Act::*size;
};
constexpr StatedSize kStatedSizes[] = {
    {"dim_model", &Act::hidden},
    {"dim_feedforward", &Act::feed_forward},
    {"n_encoder_layers", &Act::encoder_layers},
    {"n_decoder_layers", &Act::decoder_layers},
    {"chunk_size", &Act::chunk},
    {"latent_dim", &Act::latent},
};

/// Values of config.json under their defaults in LeRobot.
class Config {
 public:
  Config(const Json& root, std::string path) : root_(root), path_(std::move(path)) {}

  const std::string& path() const { return path_; }
  const Json& object(const char* key) const {
    const Json& value = json_member(root_, key, path_);
    if (!value.is_object()) fail_input("{}: '{}' is no object", path_, key);
    return value;
  }
  bool has(const char* key) const { return root_.contains(key) && !root_[key].is_null(); }
  int64_t integer(const char* key, int64_t fallback) const {
    return has(key) ? json_integer(root_[key], place(key)) : fallback;
  }
  std::string string(const char* key, const char* fallback) const {
    return has(key) ? json_string(root_[key], place(key)) : fallback;
  }
  double number(const char* key) const { return json_number(root_[key], place(key)); }
  /// Some versions write 0 and 1.
  bool boolean(const char* key) const {
    if (!has(key)) return false;
    if (root_[key].is_boolean()) return root_[key].get<bool>();
    const int64_t value = json_integer(root_[key], place(key));
    if (value != 0 && value != 1) fail_input("{} is {}, expected a boolean", place(key), value);
    return value == 1;
  }

 private:
  std::string place(const char* key) const { return fmt::format("{}: '{}'", path_, key); }

  const Json& root_;
  std::string path_;
};

std::vector<LeRobotFeature> features_of(const Config& config, const char* key) {
  std::vector<LeRobotFeature> features;
  for (const auto& [name, entry] : config.object(key).items()) {
    const std::string place = fmt::format("{}: feature '{}'", config.path(), name);
    LeRobotFeature feature{name, json_string(json_member(entry, "type", place), place), {}};
    const Json& shape = json_member(entry, "shape", place);
    if (!shape.is_array()) fail_input("{}: shape is no list", place);
    for (const Json& dim : shape) feature.shape.push_back(json_integer(dim, place + ": shape"));
    const bool is_image = feature.type == "VISUAL";
    const bool fits = feature.shape.size() == (is_image ? 3 : 1) &&
                      std::ranges::all_of(feature.shape, [](int64_t dim) { return dim > 0; }) &&
                      (!is_image || feature.shape[0] == 3);
    if (!fits) {
      fail_input("{}: shape ({}), expected {}", place, fmt::join(feature.shape, ", "),
                 is_image ? "(3, height, width)" : "one positive number");
    }
    features.push_back(std::move(feature));
  }
  return features;
}

void sort_inputs(LeRobotPolicy& policy, const Config& config) {
  for (LeRobotFeature& feature : features_of(config, "input_features")) {
    std::optional<LeRobotFeature>* vector = feature.type == "STATE" ? &policy.state
                                            : feature.type == "ENV" ? &policy.environment
                                                                    : nullptr;
    if (feature.type == "VISUAL") {
      policy.cameras.push_back(std::move(feature));
    } else if (vector == nullptr) {
      fail(ErrorKind::kUnsupported, "{}: input '{}' is of type {}; Tendon knows VISUAL, STATE, ENV",
           config.path(), feature.name, feature.type);
    } else if (vector->has_value()) {
      fail(ErrorKind::kUnsupported, "{}: two inputs of type {}, '{}' and '{}'", config.path(),
           feature.type, (*vector)->name, feature.name);
    } else {
      *vector = std::move(feature);
    }
  }
  const std::vector<LeRobotFeature> outputs = features_of(config, "output_features");
  if (outputs.size() != 1 || outputs[0].type != "ACTION") {
    fail_input("{}: output_features lists {} features, expected one of type ACTION", config.path(),
               outputs.size());
  }
  policy.action = outputs[0];
  if (config.object("input_features").contains(policy.action.name)) {
    fail_input("{}: '{}' is both input and output", config.path(), policy.action.name);
  }
}

void require_act(const Config& config) {
  if (config.has("input_shapes") && !config.has("input_features")) {
    fail(ErrorKind::kUnsupported,
         "{}: written by LeRobot before input_features came; load the policy with a newer LeRobot "
         "and save it again",
         config.path());
  }
  const std::string type = config.string("type", "");
  if (type != "act") {
    fail(ErrorKind::kUnsupported, "{}: a policy of type '{}'; Tendon exports ACT ('act')",
         config.path(), type);
  }
}

}  // namespace

NormalizationMode LeRobotNormalization::mode_of(std::string_view type) const {
  const auto mode = modes.find(type);
  return mode == modes.end() ? NormalizationMode::kIdentity : mode->second;
}

Scaling LeRobotNormalization::input(const LeRobotFeature& feature) const {
  const bool chosen = !only || std::ranges::find(*only, feature.name) != only->end();
  const auto found = stats.find(feature.name);
  if (!chosen || found == stats.end()) return {};
  return input_scaling(mode_of(feature.type), found->second, feature.shape[0], epsilon, zero_range,
                       fmt::format("{}: '{}'", source, feature.name));
}

Scaling LeRobotNormalization::output(const LeRobotFeature& feature) const {
  const auto found = stats.find(feature.name);
  if (found == stats.end()) return {};
  return output_scaling(mode_of(feature.type), found->second, feature.shape[0], epsilon, zero_range,
                        fmt::format("{}: '{}'", source, feature.name));
}

bool is_lerobot_folder(const std::string& path) {
  return fs::is_directory(path) && fs::exists(fs::path(path) / kConfig);
}

std::string lerobot_weights_path(const std::string& folder) {
  const fs::path weights = fs::path(folder) / kWeights;
  if (fs::exists(weights)) return weights.string();
  for (const fs::path& shards : {fs::path(folder) / kShards, fs::path(folder) / ".." / kShards}) {
    if (fs::exists(shards)) {
      fail_input(
          "{}: no {}, but shards of a run with FSDP in {}; LeRobot wrote no whole policy. Load the "
          "checkpoint with the training script and call save_pretrained on one process",
          folder, kWeights, shards.lexically_normal().string());
    }
  }
  fail_input("{}: no {}; expected the folder 'pretrained_model' of a LeRobot checkpoint", folder,
             kWeights);
}

LeRobotPolicy load_lerobot_policy(const std::string& folder, const StateDict& weights) {
  const std::string path = (fs::path(folder) / kConfig).string();
  const Json root = load_json(path);
  const Config config(root, path);
  require_act(config);
  LeRobotPolicy policy;
  sort_inputs(policy, config);
  policy.heads = config.integer("n_heads", policy.heads);
  policy.pre_norm = config.boolean("pre_norm");
  policy.dilated = config.boolean("replace_final_stride_with_dilation");
  policy.activation = config.string("feedforward_activation", "relu");
  for (const StatedSize& size : kStatedSizes) {
    if (config.has(size.key)) policy.stated[size.key] = config.integer(size.key, 0);
  }
  policy.action_steps = config.integer("n_action_steps", 0);
  if (config.has("temporal_ensemble_coeff")) {
    policy.ensemble_coefficient = config.number("temporal_ensemble_coeff");
  }
  std::map<std::string, NormalizationMode, std::less<>> modes;
  if (config.has("normalization_mapping")) {
    modes = modes_from_json(config.object("normalization_mapping"), path);
  }
  read_normalization(policy, folder, weights, modes);
  return policy;
}

std::vector<std::string> apply_to(Act& act, const LeRobotPolicy& policy) {
  std::vector<std::string> problems;
  const auto compare = [&](std::string_view what, int64_t stated, int64_t found) {
    if (stated != found) {
      problems.push_back(
          fmt::format("{} is {} in config.json and {} in the tensors", what, stated, found));
    }
  };
  for (const StatedSize& size : kStatedSizes) {
    const auto stated = policy.stated.find(size.key);
    if (stated != policy.stated.end()) compare(size.key, stated->second, act.*size.size);
  }
  compare("the state's size", policy.state ? policy.state->shape[0] : 0, act.state);
  compare("the environment state's size", policy.environment ? policy.environment->shape[0] : 0,
          act.environment);
  compare("the action's size", policy.action.shape[0], act.actions);
  if (policy.cameras.empty() != act.backbones.empty()) {
    problems.push_back(fmt::format("config.json lists {} cameras, but the tensors have {}",
                                   policy.cameras.size(),
                                   act.backbones.empty() ? "no backbone" : "a backbone"));
  }
  if (policy.pre_norm != act.encoder_norm) {
    problems.push_back(fmt::format("pre_norm is {} in config.json, but the encoder has {} norm",
                                   policy.pre_norm, act.encoder_norm ? "a final" : "no final"));
  }
  act.heads = policy.heads;
  act.pre_norm = policy.pre_norm;
  act.activation = policy.activation == "gelu" ? Activation::kGelu : Activation::kRelu;
  if (policy.activation != "relu" && policy.activation != "gelu") {
    problems.push_back(
        fmt::format("feedforward_activation is '{}', expected relu or gelu", policy.activation));
  }
  for (ResNet& resnet : act.backbones) {
    resnet.dilated = policy.dilated;
    if (policy.dilated && !resnet.bottleneck) {
      problems.push_back(
          "replace_final_stride_with_dilation is set, which ResNets of plain blocks "
          "do not have");
    }
  }
  return problems;
}

}  // namespace tendon
