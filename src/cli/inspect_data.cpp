// Episodes, statistics and arrays as `tendon inspect` shows them.
#include <tendon/compare_actions.h>
#include <tendon/compare_func.h>
#include <tendon/data.h>
#include <tendon/data_loader.h>

#include <algorithm>

#include "base/format.h"
#include "base/npz.h"
#include "base/text_table.h"
#include "cli/inspect.h"

namespace tendon::cli {
namespace {

using enum TextTable::Align;

std::string stats_table(const NormStats& stats) {
  const std::vector<JointInfo> joints = default_joints(stats.action_count());
  TextTable table({{"joint"},
                   {"qpos mean", kRight},
                   {"qpos std", kRight},
                   {"action mean", kRight},
                   {"action std", kRight}});
  const auto cell = [](const std::vector<float>& values, size_t i) {
    return i < values.size() ? fmt::format("{:.4f}", values[i]) : std::string();
  };
  for (size_t i = 0; i < joints.size(); ++i) {
    table.add_row({joints[i].name, cell(stats.qpos_mean, i), cell(stats.qpos_std, i),
                   cell(stats.action_mean, i), cell(stats.action_std, i)});
  }
  return table.to_string();
}

Json stats_json(const NormStats& stats) {
  return {{"qpos_mean", stats.qpos_mean},
          {"qpos_std", stats.qpos_std},
          {"action_mean", stats.action_mean},
          {"action_std", stats.action_std}};
}

}  // namespace

Findings inspect_episodes(const std::string& path) {
  const EpisodicDataset dataset(path);
  const Shape frame = dataset.frame_shape();
  int64_t steps = 0;
  TextTable table({{"episode"}, {"steps", kRight}, {"recorded in"}});
  Json episodes = Json::array();
  for (int64_t i = 0; i < dataset.size(); ++i) {
    const Episode episode = dataset.open(i);
    steps += episode.length();
    const char* origin = episode.is_sim() ? "simulation" : "reality";
    table.add_row({episode.name(), fmt::format("{}", episode.length()), origin});
    episodes.push_back(
        {{"name", episode.name()}, {"steps", episode.length()}, {"sim", episode.is_sim()}});
  }
  const NormStats stats = get_norm_stats(dataset);
  Findings found;
  found.text = fmt::format(
      "{}: {} episodes, {} steps\n"
      "  cameras  {} ({} x {} pixels)\n"
      "  joints   {}, actions {}\n\n{}\nStatistics over all steps\n\n{}",
      path, dataset.size(), steps, fmt::join(dataset.cameras(), ", "), frame[2], frame[3],
      dataset.joint_count(), dataset.action_count(), table.to_string(), stats_table(stats));
  found.json = {{"kind", "episodes"},
                {"path", path},
                {"cameras", dataset.cameras()},
                {"height", frame[2]},
                {"width", frame[3]},
                {"joints", dataset.joint_count()},
                {"actions", dataset.action_count()},
                {"steps", steps},
                {"episodes", episodes},
                {"statistics", stats_json(stats)}};
  return found;
}

Findings inspect_stats(const std::string& path) {
  const NormStats stats = NormStats::load(path);
  Findings found;
  found.text = fmt::format("{}: statistics of {} joints and {} actions\n\n{}", path,
                           stats.joint_count(), stats.action_count(), stats_table(stats));
  found.json = stats_json(stats);
  found.json["kind"] = "statistics";
  const auto frozen = [](float std_dev) { return std_dev <= 0.01001f; };
  const auto still = std::ranges::count_if(stats.action_std, frozen);
  if (still > 0) {
    found.text +=
        fmt::format("\n{} of them never moved in training (std at its floor of 0.01)\n", still);
  }
  return found;
}

Findings inspect_arrays(const std::string& path) {
  TextTable table({{"array"},
                   {"type"},
                   {"min", kRight},
                   {"mean", kRight},
                   {"max", kRight},
                   {"NaN", kRight},
                   {"Inf", kRight}});
  Json arrays = Json::array();
  for (const auto& [name, tensor] : load_npz(path)) {
    const TensorStatistics s = compute_statistics(tensor);
    table.add_row({name, to_string(tensor.type()), fmt::format("{:.5g}", s.min),
                   fmt::format("{:.5g}", s.mean), fmt::format("{:.5g}", s.max),
                   fmt::format("{}", s.nan_count), fmt::format("{}", s.inf_count)});
    arrays.push_back({{"name", name},
                      {"dtype", name_of(tensor.dtype())},
                      {"shape", tensor.shape().dims()},
                      {"min", s.min},
                      {"mean", s.mean},
                      {"max", s.max},
                      {"nan_count", s.nan_count},
                      {"inf_count", s.inf_count}});
  }
  return {fmt::format("{}\n\n{}", path, table.to_string()),
          {{"kind", "arrays"}, {"path", path}, {"arrays", arrays}}};
}

}  // namespace tendon::cli
