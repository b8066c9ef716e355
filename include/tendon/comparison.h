// PolicyComparison: how far the actions of several runners of one policy are apart, and how far
// they are from what a human did.
#pragma once

#include <tendon/execution.h>

#include <optional>

namespace tendon {

/// What a camera saw.
struct Picture {
  std::string camera;
  int64_t height = 0;
  int64_t width = 0;
  std::string jpeg;  ///< a whole file
};

/// An input for which a runner is far from the first one.
struct WorstFrame {
  size_t runner = 0;  ///< position among the runners
  size_t iteration = 0;
  int64_t step = 0;  ///< in the chunk
  int64_t joint = 0;
  double error = 0;  ///< in the joint's unit
  std::vector<Picture> pictures;
  /// What each runner gives for the joint, step by step, in its unit.
  std::vector<std::vector<float>> chunks;
  /// The recorded actions of the joint, as far as they go.
  std::vector<float> recorded;
};

struct PolicyComparison {
  std::vector<std::string> runners;  ///< those that give actions; the first is the reference
  std::vector<JointInfo> joints;
  std::vector<float> action_mean, action_std;
  IterationNames names;
  size_t iterations = 0;
  int64_t chunk_steps = 0;
  ExecutionOptions execution_options;

  /// Each runner but the first against the first.
  std::vector<ActionComparison> actions;
  /// Each runner against the recorded human actions. This and what follows is empty when no
  /// episodes were given.
  std::vector<ActionComparison> recorded;
  /// For each runner in turn one entry a mode.
  std::vector<ExecutionComparison> execution;
  /// The episode in which some runner strays furthest from the first one.
  std::optional<EpisodeTrajectories> trajectories;
  /// The worst ones of each runner, worst first.
  std::vector<WorstFrame> worst_frames;

  /// Null where there is none.
  const ExecutionComparison* find_execution(std::string_view runner, ExecutionMode mode) const;
};

struct PolicyOptions {
  std::string action_output = "action";
  /// Empty: default_joints().
  std::vector<JointInfo> joints = {};
  ExecutionOptions execution = {};
  /// How many of each runner are kept.
  size_t worst_frames = 3;
};

/// Gathers a PolicyComparison from Comparator::stream; memory does not grow with the number of
/// iterations.
class PolicyComparator {
 public:
  /// `runners` in the order of the results. Throws as ActionAccumulator does.
  PolicyComparator(std::vector<std::string> runners, NormStats stats, PolicyOptions options = {});
  ~PolicyComparator();

  /// Says that iteration i is frames[i] of the dataset: padded steps are then left out, and the
  /// recorded actions compared. To be called before the first add(). Throws Error{kBadInput} when
  /// the dataset is of another robot than the statistics.
  void follow(const EpisodicDataset& dataset, std::vector<FrameId> frames);

  /// Runners whose first result has no action output are left out. Throws as
  /// ActionAccumulator::add does, and Error{kBadInput} when an action output is missing later.
  void add(const TensorMap& inputs, std::span<const IterationResult> results);

  /// Nothing when fewer than two runners, or not the first one, give actions.
  std::optional<PolicyComparison> finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace tendon
