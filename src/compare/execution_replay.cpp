#include "compare/execution_replay.h"

#include <algorithm>

namespace tendon {

ExecutionReplay::ExecutionReplay(std::vector<std::string> runners,
                                 std::shared_ptr<const JointScales> scales,
                                 const ExecutionOptions& options)
    : runners_(std::move(runners)) {
  for (size_t i = 0; i < runners_.size(); ++i) {
    for (int mode = 0; mode < kExecutionModeCount; ++mode) {
      executors_.emplace_back(static_cast<ExecutionMode>(mode), options);
      tallies_.emplace_back(scales, options.rate);
    }
  }
}

void ExecutionReplay::add(const FrameId& frame, std::span<const Tensor> chunks,
                          RecordedTargets& targets) {
  if (last_.has_value() && (last_->episode != frame.episode || last_->step >= frame.step)) {
    end_episode(targets.recording(last_->episode));
  }
  last_ = frame;
  for (size_t i = 0; i < executors_.size(); ++i) {
    executors_[i].add(frame.step, chunks[i / kExecutionModeCount]);
  }
}

void ExecutionReplay::end_episode(const RecordedEpisode& recorded) {
  EpisodeTrajectories episode{recorded.episode, 0, {}, recorded.commands()};
  for (size_t i = 0; i < executors_.size(); ++i) {
    const size_t mode = i % kExecutionModeCount;
    if (mode == 0) episode.runners.emplace_back();
    Trajectory& trajectory = episode.runners.back()[mode];
    trajectory = executors_[i].finish(recorded.length);
    const Trajectory* reference = i == mode ? nullptr : &episode.runners.front()[mode];
    tallies_[i].add(trajectory, reference, episode.recorded, episode.episode);
    if (reference != nullptr) {
      episode.deviation = std::max(episode.deviation, largest_deviation(trajectory, *reference));
    }
  }
  if (!worst_.has_value() || episode.deviation > worst_->deviation) worst_ = std::move(episode);
}

std::vector<ExecutionComparison> ExecutionReplay::finish(RecordedTargets& targets) {
  std::vector<ExecutionComparison> result;
  if (!last_.has_value()) return result;
  end_episode(targets.recording(last_->episode));
  last_.reset();
  for (size_t i = 0; i < tallies_.size(); ++i) {
    result.push_back(tallies_[i].finish(runners_[i / kExecutionModeCount],
                                        static_cast<ExecutionMode>(i % kExecutionModeCount)));
  }
  return result;
}

}  // namespace tendon
