// Measures the executed motion of one runner in one mode.
#pragma once

#include <tendon/execution.h>

#include "compare/joint_tallies.h"

namespace tendon {

class ExecutionTally {
 public:
  ExecutionTally(const std::shared_ptr<const JointScales>& scales, double rate);
  /// `reference` is null for the reference itself; `recorded` (T, A) is normalised.
  void add(const Trajectory& trajectory, const Trajectory* reference, const Tensor& recorded,
           int64_t episode);
  ExecutionComparison finish(std::string runner, ExecutionMode mode) const;

 private:
  void add_motion(const Trajectory& trajectory, const Tensor& recorded, int64_t episode);
  void add_deviation(const Trajectory& trajectory, const Trajectory& reference, int64_t episode);

  double rate_;
  size_t joints_;
  int64_t episodes_ = 0;
  int64_t commands_ = 0;
  int64_t uncovered_ = 0;
  int64_t borders_ = 0;
  JointTallies deviation_, velocity_deviation_, from_recorded_, velocity_, jerk_, jump_;
};

/// The largest difference of two trajectories where both have commands, normalised.
double largest_deviation(const Trajectory& a, const Trajectory& b);

}  // namespace tendon
