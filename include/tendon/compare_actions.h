// Errors of a policy's actions, joint by joint, in normalised units and in the robot's.
#pragma once

#include <tendon/data.h>
#include <tendon/run_results.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tendon {

struct JointInfo {
  std::string name;  ///< "left_elbow"
  std::string unit;  ///< of the robot's action: "rad", or "open" for a gripper's share of opening
};
/// ALOHA's names for 14 joints (two arms of six joints and a gripper each) and 7 (one arm); for
/// other robots "joint_0", "joint_1", … with the unit "units".
std::vector<JointInfo> default_joints(int64_t count);

/// Absolute errors |tested - reference| over a set of values.
struct ErrorFigures {
  double mean = 0;
  double rms = 0;
  double p99 = 0;
  double max = 0;
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

struct ActionComparison {
  std::string tested;
  std::string reference;
  size_t iterations = 0;
  /// One entry a joint, over all iterations and steps.
  std::vector<JointError> joints;
  /// One entry a chunk step, over all iterations and joints, normalised.
  std::vector<ErrorFigures> steps;
  /// Over everything, normalised.
  ErrorFigures overall;
};
/// A table with one line a joint, and a last line over all joints.
std::string to_table(const ActionComparison& comparison);

/// Gathers errors iteration by iteration.
class ActionAccumulator {
 public:
  /// Throws Error{kUsage} unless there is one entry of `joints` for each action of `stats`; empty
  /// stands for default_joints(). `raw_units`: actions are in the robot's units, not normalised.
  explicit ActionAccumulator(const NormStats& stats, std::vector<JointInfo> joints = {},
                             bool raw_units = false);
  /// Float32 actions (…, K, A) of equal shape. Throws Error{kBadInput} when A is not the
  /// stats' action count, K changes, or shapes differ, Error{kCheckFailed} for NaN or Inf.
  void add(const Tensor& tested, const Tensor& reference);
  /// Throws Error{kUsage} when nothing was added.
  ActionComparison finish(std::string tested, std::string reference) const;

 private:
  struct Entry {
    float error;
    uint32_t iteration;
  };
  ErrorFigures figures(int64_t first_joint, int64_t joints, int64_t first_step, int64_t steps,
                       double scale) const;

  std::vector<double> action_std_;
  std::vector<JointInfo> joints_;
  bool raw_units_;
  size_t iterations_ = 0;
  int64_t step_count_ = 0;
  /// By step, then joint.
  std::vector<std::vector<Entry>> errors_;
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
