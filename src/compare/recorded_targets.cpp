#include "compare/recorded_targets.h"

#include <algorithm>

namespace tendon {
namespace {

std::vector<int64_t> episodes_of(std::span<const FrameId> frames) {
  std::vector<int64_t> episodes;
  for (const FrameId& frame : frames) {
    if (episodes.empty() || episodes.back() != frame.episode) episodes.push_back(frame.episode);
  }
  std::sort(episodes.begin(), episodes.end());
  episodes.erase(std::unique(episodes.begin(), episodes.end()), episodes.end());
  return episodes;
}

}  // namespace

Tensor RecordedEpisode::commands() const {
  if (is_sim) return actions;
  const auto joints = static_cast<size_t>(actions.shape()[1]);
  Tensor shifted(DataType::kFloat32, actions.shape());
  const auto from = actions.data<float>();
  const auto to = shifted.mutable_data<float>();
  for (int64_t step = 0; step < length; ++step) {
    const auto row = static_cast<size_t>(row_of(step));
    std::ranges::copy(from.subspan(row * joints, joints),
                      to.subspan(static_cast<size_t>(step) * joints).begin());
  }
  return shifted;
}

RecordedTargets::RecordedTargets(EpisodicDataset dataset, NormStats stats,
                                 const std::vector<JointInfo>& joints,
                                 std::span<const FrameId> frames, double rate)
    : dataset_(std::move(dataset)),
      stats_(std::move(stats)),
      detector_(dataset_, episodes_of(frames), stats_, joints, rate) {}

const RecordedEpisode& RecordedTargets::recording(int64_t episode) {
  if (current_.episode == episode) return current_;
  const Episode opened = dataset_.open(episode);
  current_ = {episode, opened.length(), opened.is_sim(), stats_.normalize_action(opened.action()),
              detector_.phases_of(opened.action())};
  return current_;
}

RecordedTargets::Target RecordedTargets::at(const FrameId& frame, int64_t steps) {
  const RecordedEpisode& recorded = recording(frame.episode);
  const int64_t joints = recorded.actions.shape()[1];
  const int64_t first = recorded.row_of(frame.step);
  Target target{Tensor(DataType::kFloat32, {1, steps, joints}),
                std::clamp<int64_t>(recorded.length - first, 0, steps),
                std::vector<uint8_t>(static_cast<size_t>(steps), 0)};
  std::ranges::copy(
      recorded.actions.data<float>().subspan(static_cast<size_t>(first * joints),
                                             static_cast<size_t>(target.known * joints)),
      target.action.mutable_data<float>().begin());
  std::copy_n(recorded.phases.begin() + first, target.known, target.phases.begin());
  return target;
}

}  // namespace tendon
