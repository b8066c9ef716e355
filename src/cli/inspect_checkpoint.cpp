// Checkpoints, safetensors files and LeRobot's folders as `tendon inspect` shows them.
#include <algorithm>
#include <filesystem>

#include "base/format.h"
#include "base/text_table.h"
#include "cli/inspect.h"
#include "cli/model_options.h"
#include "cli/policy_text.h"
#include "policy/checkpoint.h"

namespace tendon::cli {
namespace {

using enum TextTable::Align;

void add_tensors(const StateDict& weights, Findings& found) {
  TextTable table({{"tensor"}, {"type"}, {"elements", kRight}});
  found.json["weights"] = Json::array();
  for (const NamedTensor& named : weights.tensors()) {
    table.add_row(
        {named.name, to_string(named.tensor.type()), fmt::format("{}", named.tensor.size())});
    found.json["weights"].push_back({{"name", named.name},
                                     {"dtype", name_of(named.tensor.dtype())},
                                     {"shape", named.tensor.shape().dims()}});
  }
  found.text += "\n" + table.to_string();
}

/// Tensors of something that is no policy, such as a processor's statistics.
Findings inspect_tensors(const std::string& path, const StateDict& weights, const char* reason) {
  Findings found{fmt::format("{}: {} tensors, {} elements\n  {}\n", path, weights.tensors().size(),
                             text_of_count(static_cast<double>(weights.element_count())), reason),
                 {{"kind", "tensors"},
                  {"path", path},
                  {"tensors", weights.tensors().size()},
                  {"elements", weights.element_count()},
                  {"reason", reason}}};
  add_tensors(weights, found);
  return found;
}

std::string range_of(const std::vector<float>& values) {
  if (values.empty()) return "";
  const auto [least, most] = std::ranges::minmax_element(values);
  return *least == *most ? fmt::format("{:.4g}", *least)
                         : fmt::format("{:.4g} to {:.4g}", *least, *most);
}

/// Cameras and normalisation as config.json and the processors say.
void add_lerobot(const LeRobotPolicy& policy, Findings& found) {
  TextTable table({{"feature"}, {"shape"}, {"normalisation"}, {"center"}, {"scale"}});
  Json features = Json::array();
  const auto add = [&](const LeRobotFeature& feature, const LeRobotNormalization& normalization,
                       const Scaling& scaling) {
    const bool left_alone =
        scaling.empty() && normalization.mode_of(feature.type) != NormalizationMode::kIdentity;
    const std::string mode = std::string(to_string(normalization.mode_of(feature.type))) +
                             (left_alone ? ", no statistics" : "");
    table.add_row({feature.name, fmt::format("({})", fmt::join(feature.shape, ", ")), mode,
                   range_of(scaling.center), range_of(scaling.scale)});
    features.push_back({{"name", feature.name},
                        {"type", feature.type},
                        {"shape", feature.shape},
                        {"normalization", mode},
                        {"center", scaling.center},
                        {"scale", scaling.scale}});
  };
  if (policy.state) add(*policy.state, policy.before, policy.before.input(*policy.state));
  if (policy.environment) {
    add(*policy.environment, policy.before, policy.before.input(*policy.environment));
  }
  for (const LeRobotFeature& camera : policy.cameras) {
    add(camera, policy.before, policy.before.input(camera));
  }
  add(policy.action, policy.after, policy.after.output(policy.action));
  found.text += "\n" + table.to_string();
  found.text += fmt::format("\n  statistics from {}\n",
                            policy.before.source.empty() ? "nowhere" : policy.before.source);
  if (policy.action_steps > 0) {
    found.text += fmt::format("  LeRobot executes {} steps of each chunk\n", policy.action_steps);
  }
  found.json["features"] = features;
  found.json["statistics_from"] = policy.before.source;
  found.json["action_steps"] = policy.action_steps;
  if (policy.ensemble_coefficient) {
    found.text +=
        fmt::format("  temporal ensembling with coefficient {}\n", *policy.ensemble_coefficient);
    found.json["temporal_ensemble_coefficient"] = *policy.ensemble_coefficient;
  }
}

/// ACT's training puts its statistics into the folder of its checkpoints.
void add_statistics_beside(const std::string& path, Findings& found) {
  const auto stats = std::filesystem::path(path).parent_path() / "dataset_stats.pkl";
  if (!std::filesystem::exists(stats)) return;
  const Findings beside = inspect_stats(stats.string());
  found.text += "\n" + beside.text + "\n";
  found.json["statistics"] = beside.json;
}

Findings inspect_policy(PolicyCheckpoint checkpoint, const Shown& show) {
  const ActReport report = audit_act(checkpoint.act, checkpoint.weights);
  Findings found{fmt::format("{}: policy checkpoint, {} tensors\n{}", checkpoint.path,
                             checkpoint.weights.tensors().size(), policy_text(checkpoint, report)),
                 {{"kind", "checkpoint"}, {"path", checkpoint.path}}};
  found.json.update(policy_json(checkpoint, report));
  if (checkpoint.lerobot) {
    add_lerobot(*checkpoint.lerobot, found);
  } else {
    found.text +=
        "  not in the file: names, order and size of the cameras' images, number of heads, "
        "normalisation statistics\n";
    add_statistics_beside(checkpoint.path, found);
  }
  const std::vector<std::string> unusual = unusual_things(checkpoint, report);
  found.json["unusual"] = unusual;
  for (const std::string& thing : unusual) found.text += fmt::format("  unusual: {}\n", thing);
  if (show.contains("weights")) add_tensors(checkpoint.weights, found);
  return found;
}

}  // namespace

Findings inspect_checkpoint(const std::string& path, const Shown& show) {
  if (!std::filesystem::is_directory(path)) {
    const StateDict weights = load_weights(path);
    try {
      act_from_state_dict(weights);
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::kUnsupported) throw;
      return inspect_tensors(path, weights, error.what());
    }
  }
  return inspect_policy(load_policy_checkpoint(path), show);
}

}  // namespace tendon::cli
