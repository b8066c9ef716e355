// What the human did after each frame: the actions that a policy was trained to give there.
#pragma once

#include <optional>

#include "compare/phases.h"

namespace tendon {

/// One episode's recorded commands as training used them.
struct RecordedEpisode {
  int64_t episode = -1;
  int64_t length = 0;
  bool is_sim = false;
  Tensor actions;               ///< (T, A) float32, normalised
  std::vector<uint8_t> phases;  ///< by row of `actions`

  /// The row that is the target of `step`: real robots record a command with the state that it led
  /// to, one step later.
  int64_t row_of(int64_t step) const { return is_sim || step == 0 ? step : step - 1; }
  /// The target of each step: (T, A), normalised.
  Tensor commands() const;
};

class RecordedTargets {
 public:
  /// Reads the actions of all episodes in `frames` once, for the phases.
  RecordedTargets(EpisodicDataset dataset, NormStats stats, const std::vector<JointInfo>& joints,
                  std::span<const FrameId> frames, double rate);

  /// Kept until another episode is asked for.
  const RecordedEpisode& recording(int64_t episode);

  struct Target {
    Tensor action;  ///< (1, steps, A) float32, normalised; zero beyond `known`
    int64_t known = 0;
    std::vector<uint8_t> phases;  ///< one a step
  };
  Target at(const FrameId& frame, int64_t steps);

 private:
  EpisodicDataset dataset_;
  NormStats stats_;
  PhaseDetector detector_;
  RecordedEpisode current_;
};

}  // namespace tendon
