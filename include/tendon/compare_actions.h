// Errors of a policy's actions, joint by joint, in normalised units and in the robot's.
#pragma once

#include <tendon/data.h>
#include <tendon/run_results.h>

#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tendon {

struct JointInfo {
  std::string name;  ///< "left_elbow"
  std::string unit;  ///< of the robot's action: "rad", or "open" for a gripper's share of opening
  bool is_gripper() const { return unit == "open"; }
};
/// ALOHA's names for 14 joints (two arms of six joints and a gripper each) and 7 (one arm); for
/// other robots "joint_0", "joint_1", … with the unit "units".
std::vector<JointInfo> default_joints(int64_t count);

/// Errors tested - reference over a set of values; all but the bias are of their magnitudes. Zero
/// over no values.
struct ErrorFigures {
  double mean = 0;
  double bias = 0;  ///< mean of the signed errors
  double rms = 0;
  /// Exact up to 16384 values, for one joint at one chunk step up to 512; beyond that within 0.8 %
  /// of itself.
  double p99 = 0;
  double max = 0;
  int64_t count = 0;  ///< values
  /// Where the maximum is.
  size_t iteration = 0;
  int64_t step = 0;  ///< in the chunk
  int64_t joint = 0;
};

struct JointError {
  JointInfo joint;
  ErrorFigures normalized;  ///< in standard deviations of the training actions
  ErrorFigures robot;       ///< in joint.unit
};

/// All joints of one unit together.
struct UnitError {
  std::string unit;
  int64_t joints = 0;
  ErrorFigures robot;
};

/// Parts of a recording on which a task succeeds or fails.
enum class Phase {
  kGripperSwitch,  ///< within 0.2 s of a gripper that opens or closes
  kFastMotion,     ///< the 5 % of the steps at which the arms move fastest
};
inline constexpr int kPhaseCount = 2;
/// "gripper switches", "fastest 5 %"
std::string_view name_of(Phase phase);

struct PhaseError {
  Phase phase = Phase::kGripperSwitch;
  std::vector<JointError> joints;
  std::vector<UnitError> units;
  ErrorFigures overall;  ///< normalised
};

struct ActionComparison {
  std::string tested;
  std::string reference;
  size_t iterations = 0;
  /// One entry a joint, over all iterations and steps.
  std::vector<JointError> joints;
  /// One entry a chunk step, over all iterations and joints, normalised.
  std::vector<ErrorFigures> steps;
  /// One entry for each joint of each step (step by step), in the joint's unit.
  std::vector<ErrorFigures> cells;
  /// One entry a unit, in the order in which the joints bring them.
  std::vector<UnitError> units;
  /// Empty unless the phases of the steps were given.
  std::vector<PhaseError> phases;
  /// Over everything, normalised.
  ErrorFigures overall;
  /// Values left out because the recording had ended.
  int64_t padded = 0;

  const ErrorFigures& cell(int64_t step, int64_t joint) const {
    return cells[static_cast<size_t>(step) * joints.size() + static_cast<size_t>(joint)];
  }
};

/// What an iteration is called in texts.
struct IterationNames {
  /// By iteration; empty when the inputs are no frames of episodes.
  std::vector<FrameId> frames = {};
  std::vector<std::string> episodes = {};

  /// "episode_4 frame 120", or "iteration 5".
  std::string operator()(size_t iteration) const;
};
/// A table with one line a joint, and a last line over all joints.
std::string to_table(const ActionComparison& comparison, const IterationNames& names = {});

/// What a recording says about the steps of a chunk.
struct ChunkSteps {
  /// Steps that the recording has; later ones are padding and are left out.
  int64_t known = std::numeric_limits<int64_t>::max();
  /// One entry a step, or empty: bit p is set where the step belongs to Phase p.
  std::span<const uint8_t> phases = {};
};

/// Gathers errors iteration by iteration, in memory that does not grow with their number.
class ActionAccumulator {
 public:
  /// Throws Error{kUsage} unless there is one entry of `joints` for each action of `stats`; empty
  /// stands for default_joints().
  explicit ActionAccumulator(const NormStats& stats, std::vector<JointInfo> joints = {});
  ~ActionAccumulator();
  ActionAccumulator(ActionAccumulator&&) noexcept;
  ActionAccumulator& operator=(ActionAccumulator&&) noexcept;

  /// Normalised float32 actions (…, K, A) of equal shape. Throws Error{kBadInput} when A is not the
  /// stats' action count, K changes, or shapes differ, Error{kCheckFailed} for NaN or Inf.
  void add(const Tensor& tested, const Tensor& reference, const ChunkSteps& steps = {});
  /// Throws Error{kUsage} when nothing was added.
  ActionComparison finish(std::string tested, std::string reference) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

struct ActionOptions {
  std::string output = "action";
  /// Positions among the runners.
  size_t tested = 1;
  size_t reference = 0;
  std::vector<JointInfo> joints = {};
};
/// Throws as ActionAccumulator does, and Error{kUsage} for a runner or output that is not there.
ActionComparison compare_actions(const RunResults& results, const NormStats& stats,
                                 const ActionOptions& options = {});

}  // namespace tendon
