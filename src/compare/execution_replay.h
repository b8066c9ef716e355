// Replays the chunks of several runners over the recorded episodes, in every mode.
#pragma once

#include <optional>

#include "compare/execution_tally.h"
#include "compare/recorded_targets.h"

namespace tendon {

class ExecutionReplay {
 public:
  ExecutionReplay(std::vector<std::string> runners, std::shared_ptr<const JointScales> scales,
                  const ExecutionOptions& options);

  /// One chunk for each runner. A frame that does not follow the one before starts an episode anew.
  void add(const FrameId& frame, std::span<const Tensor> chunks, RecordedTargets& targets);
  /// Ends the last episode. For each runner in turn its figures in every mode; empty without any.
  std::vector<ExecutionComparison> finish(RecordedTargets& targets);
  /// The episode in which some runner strays furthest from the first one.
  const std::optional<EpisodeTrajectories>& worst() const { return worst_; }

 private:
  void end_episode(const RecordedEpisode& recorded);

  std::vector<std::string> runners_;
  /// By runner, then mode.
  std::vector<ChunkExecutor> executors_;
  std::vector<ExecutionTally> tallies_;
  std::optional<FrameId> last_;
  std::optional<EpisodeTrajectories> worst_;
};

}  // namespace tendon
