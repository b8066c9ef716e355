#include "data/sampling.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <map>
#include <optional>
#include <random>
#include <set>

#include "base/format.h"

namespace tendon {
namespace {

/// Steps around a gripper switch that count as near it.
constexpr int64_t kSwitchReach = 10;
/// A gripper that moves faster than this share of its range in a step is switching.
constexpr double kSwitchSpeed = 0.01;

void check_frame(const EpisodicDataset& dataset, FrameId id) {
  if (id.step < 0 || id.step >= dataset.length(id.episode)) {
    fail(ErrorKind::kUsage, "step {} of {} is outside 0..{}", id.step, dataset.name(id.episode),
         dataset.length(id.episode) - 1);
  }
}

std::vector<FrameId> find_candidates(const EpisodicDataset& dataset,
                                     const ObservationOptions& options) {
  std::vector<int64_t> episodes = options.episodes;
  if (episodes.empty()) {
    for (int64_t i = 0; i < dataset.size(); ++i) episodes.push_back(i);
  }
  std::vector<FrameId> candidates;
  for (const int64_t episode : episodes) {
    if (episode < 0 || episode >= dataset.size()) {
      fail(ErrorKind::kUsage, "episode {} is outside 0..{}", episode, dataset.size() - 1);
    }
    for (int64_t step = 0; step < dataset.length(episode); step += options.stride) {
      candidates.push_back({episode, step});
    }
  }
  return candidates;
}

/// Calls visit(index of the candidate, joint positions, the positions one step before) for each.
template <class Visit>
void visit_positions(const EpisodicDataset& dataset, std::span<const FrameId> candidates,
                     const Visit& visit) {
  const auto joints = static_cast<size_t>(dataset.joint_count());
  std::optional<Episode> episode;
  int64_t number = -1;
  for (size_t i = 0; i < candidates.size(); ++i) {
    const FrameId id = candidates[i];
    if (number != id.episode) {
      episode = dataset.open(id.episode);
      number = id.episode;
    }
    const auto row = [&](int64_t step) {
      return episode->qpos().data<float>().subspan(static_cast<size_t>(step) * joints, joints);
    };
    visit(i, row(id.step), row(std::max<int64_t>(id.step - 1, 0)));
  }
}

/// The range of each joint over the candidates, at least a hair.
std::vector<double> joint_ranges(const EpisodicDataset& dataset,
                                 std::span<const FrameId> candidates) {
  const auto joints = static_cast<size_t>(dataset.joint_count());
  std::vector<double> least(joints, std::numeric_limits<double>::infinity());
  std::vector<double> most(joints, -std::numeric_limits<double>::infinity());
  visit_positions(dataset, candidates, [&](size_t, auto now, auto) {
    for (size_t joint = 0; joint < joints; ++joint) {
      const double position = static_cast<double>(now[joint]);
      if (!std::isfinite(position)) continue;
      least[joint] = std::min(least[joint], position);
      most[joint] = std::max(most[joint], position);
    }
  });
  std::vector<double> ranges;
  for (size_t joint = 0; joint < joints; ++joint) {
    ranges.push_back(std::max(most[joint] - least[joint], 1e-3));
  }
  return ranges;
}

/// Whether a joint grips: the last of each arm of 7, as ACT's episodes are laid out.
bool is_gripper(size_t joint, size_t joints) { return joints % 7 == 0 && joint % 7 == 6; }

/// How much each candidate matters: 1 at rest, up to 3 at the arms' fastest motion, and 3 more
/// around a gripper switch.
std::vector<double> phase_weights(const EpisodicDataset& dataset,
                                  std::span<const FrameId> candidates) {
  const std::vector<double> ranges = joint_ranges(dataset, candidates);
  std::vector<double> speeds(candidates.size());
  // Steps by episode, in order.
  std::map<int64_t, std::set<int64_t>> switches;
  visit_positions(dataset, candidates, [&](size_t i, auto now, auto before) {
    for (size_t joint = 0; joint < ranges.size(); ++joint) {
      const double change = static_cast<double>(now[joint]) - static_cast<double>(before[joint]);
      const double speed = std::fabs(change) / ranges[joint];
      if (!std::isfinite(speed)) continue;
      if (!is_gripper(joint, ranges.size())) {
        speeds[i] = std::max(speeds[i], speed);
      } else if (speed > kSwitchSpeed) {
        switches[candidates[i].episode].insert(candidates[i].step);
      }
    }
  });
  const double top = std::max(*std::ranges::max_element(speeds), 1e-12);
  std::vector<double> weights;
  for (size_t i = 0; i < candidates.size(); ++i) {
    const std::set<int64_t>& steps = switches[candidates[i].episode];
    const auto next = steps.lower_bound(candidates[i].step - kSwitchReach);
    const bool near = next != steps.end() && *next <= candidates[i].step + kSwitchReach;
    weights.push_back(1 + 2 * speeds[i] / top + (near ? 3 : 0));
  }
  return weights;
}

/// `count` places at even distances in cumulated weight, no candidate twice.
std::vector<FrameId> spread(std::span<const FrameId> candidates, std::span<const double> weights,
                            int64_t count) {
  double total = 0;
  for (const double weight : weights) total += weight;
  std::vector<FrameId> chosen;
  double passed = 0;
  for (size_t i = 0; i < candidates.size(); ++i) {
    const auto wanted = static_cast<size_t>(count) - chosen.size();
    const size_t left = candidates.size() - i;
    const double next = (static_cast<double>(chosen.size()) + 0.5) / static_cast<double>(count);
    passed += weights[i];
    if (wanted > 0 && (passed / total >= next || left == wanted)) chosen.push_back(candidates[i]);
  }
  return chosen;
}

std::vector<FrameId> uniform(std::span<const FrameId> candidates, int64_t count) {
  const auto total = static_cast<int64_t>(candidates.size());
  std::vector<FrameId> chosen;
  for (int64_t i = 0; i < count; ++i) {
    chosen.push_back(candidates[static_cast<size_t>((2 * i + 1) * total / (2 * count))]);
  }
  return chosen;
}

/// Farthest points, starting with the middle candidate.
std::vector<FrameId> farthest(const EpisodicDataset& dataset, std::span<const FrameId> candidates,
                              int64_t count) {
  const std::vector<double> ranges = joint_ranges(dataset, candidates);
  std::vector<double> points;
  visit_positions(dataset, candidates, [&](size_t, auto now, auto) {
    for (size_t joint = 0; joint < ranges.size(); ++joint) {
      const double position = static_cast<double>(now[joint]) / ranges[joint];
      points.push_back(std::isfinite(position) ? position : 0);
    }
  });
  std::vector<double> distances(candidates.size(), std::numeric_limits<double>::infinity());
  std::vector<FrameId> chosen;
  size_t next = candidates.size() / 2;
  for (int64_t i = 0; i < count; ++i) {
    chosen.push_back(candidates[next]);
    const double* from = points.data() + next * ranges.size();
    distances[next] = -1;
    for (size_t k = 0; k < candidates.size(); ++k) {
      if (distances[k] < 0) continue;
      double square = 0;
      for (size_t joint = 0; joint < ranges.size(); ++joint) {
        const double off = points[k * ranges.size() + joint] - from[joint];
        square += off * off;
      }
      distances[k] = std::min(distances[k], square);
    }
    next = static_cast<size_t>(std::ranges::max_element(distances) - distances.begin());
  }
  std::ranges::sort(chosen, {}, [](FrameId id) { return std::pair(id.episode, id.step); });
  return chosen;
}

std::vector<FrameId> random(std::vector<FrameId> candidates, int64_t count, uint64_t seed) {
  // std::shuffle differs between standard libraries.
  std::mt19937_64 generator(seed);
  for (size_t i = 0; i < static_cast<size_t>(count); ++i) {
    const size_t other = i + static_cast<size_t>(generator() % (candidates.size() - i));
    std::swap(candidates[i], candidates[other]);
  }
  candidates.resize(static_cast<size_t>(count));
  return candidates;
}

constexpr std::array<std::pair<std::string_view, FrameSampling>, 4> kNames = {
    {{"uniform", FrameSampling::kUniform},
     {"phase", FrameSampling::kPhase},
     {"coverage", FrameSampling::kCoverage},
     {"random", FrameSampling::kRandom}}};

}  // namespace

FrameSampling frame_sampling_from_name(std::string_view name) {
  for (const auto& [known, sampling] : kNames) {
    if (known == name) return sampling;
  }
  fail(ErrorKind::kUsage, "unknown sampling '{}', expected uniform, phase, coverage or random",
       name);
}

std::vector<FrameId> choose_frames(const EpisodicDataset& dataset,
                                   const ObservationOptions& options) {
  if (!options.chosen.empty()) {
    for (const FrameId id : options.chosen) check_frame(dataset, id);
    return options.chosen;
  }
  std::vector<FrameId> candidates = find_candidates(dataset, options);
  const auto total = static_cast<int64_t>(candidates.size());
  const int64_t count = options.frames == 0 ? total : options.frames;
  if (count > total) {
    fail(ErrorKind::kUsage, "{} frames wanted, but the chosen episodes have {}", count, total);
  }
  switch (options.sampling) {
    case FrameSampling::kUniform: return count == total ? candidates : uniform(candidates, count);
    case FrameSampling::kPhase:
      return spread(candidates, phase_weights(dataset, candidates), count);
    case FrameSampling::kCoverage: return farthest(dataset, candidates, count);
    case FrameSampling::kRandom: return random(std::move(candidates), count, options.seed);
  }
  return candidates;
}

}  // namespace tendon
