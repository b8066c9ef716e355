#include "compare/execution_tally.h"

#include <algorithm>
#include <cmath>

namespace tendon {
namespace {

using Origin = Trajectory::Origin;

/// Commands by step and joint, and how many steps before each one are covered without a gap.
class CommandView {
 public:
  explicit CommandView(const Trajectory& trajectory)
      : values_(trajectory.commands.data<float>()),
        joints_(static_cast<size_t>(trajectory.commands.shape()[1])) {
    for (const Origin origin : trajectory.origins) {
      const int64_t before = covered_.empty() ? 0 : covered_.back();
      covered_.push_back(origin == Origin::kUncovered ? 0 : before + 1);
    }
  }
  /// 0: no command; n: the step and the n - 1 before it have one.
  int64_t covered(size_t step) const { return covered_[step]; }
  size_t steps() const { return covered_.size(); }
  float at(size_t step, size_t joint) const { return values_[step * joints_ + joint]; }
  float change(size_t step, size_t joint) const { return at(step, joint) - at(step - 1, joint); }
  float third_difference(size_t step, size_t joint) const {
    return change(step, joint) - 2 * change(step - 1, joint) + change(step - 2, joint);
  }

 private:
  std::span<const float> values_;
  size_t joints_;
  std::vector<int64_t> covered_;
};

ErrorPlace place_of(int64_t episode, size_t step, size_t joint) {
  return {static_cast<uint32_t>(episode), static_cast<int32_t>(step), static_cast<int32_t>(joint)};
}

MotionFigures figures_of(const JointTallies& tallies) {
  return {tallies.joint_figures(), tallies.unit_errors()};
}

}  // namespace

ExecutionTally::ExecutionTally(const std::shared_ptr<const JointScales>& scales, double rate)
    : rate_(rate),
      joints_(scales->joints.size()),
      deviation_(scales),
      velocity_deviation_(scales),
      from_recorded_(scales),
      velocity_(scales),
      jerk_(scales),
      jump_(scales) {}

void ExecutionTally::add_motion(const Trajectory& trajectory, const Tensor& recorded,
                                int64_t episode) {
  const CommandView own(trajectory);
  const auto actions = recorded.data<float>();
  const auto per_second = static_cast<float>(rate_);
  const auto per_second_cubed = static_cast<float>(rate_ * rate_ * rate_);
  for (size_t step = 0; step < own.steps(); ++step) {
    const int64_t covered = own.covered(step);
    covered == 0 ? ++uncovered_ : ++commands_;
    if (covered == 0) continue;
    const bool border = covered > 1 && trajectory.origins[step] == Origin::kBorder;
    if (border) ++borders_;
    for (size_t joint = 0; joint < joints_; ++joint) {
      const ErrorPlace place = place_of(episode, step, joint);
      from_recorded_.add(own.at(step, joint) - actions[step * joints_ + joint], place);
      if (covered > 1) velocity_.add(own.change(step, joint) * per_second, place);
      if (covered > 3) jerk_.add(own.third_difference(step, joint) * per_second_cubed, place);
      if (border) jump_.add(own.change(step, joint), place);
    }
  }
}

void ExecutionTally::add_deviation(const Trajectory& trajectory, const Trajectory& reference,
                                   int64_t episode) {
  const CommandView own(trajectory);
  const CommandView other(reference);
  const auto per_second = static_cast<float>(rate_);
  for (size_t step = 0; step < own.steps(); ++step) {
    const int64_t covered = std::min(own.covered(step), other.covered(step));
    if (covered == 0) continue;
    for (size_t joint = 0; joint < joints_; ++joint) {
      const ErrorPlace place = place_of(episode, step, joint);
      deviation_.add(own.at(step, joint) - other.at(step, joint), place);
      if (covered > 1) {
        velocity_deviation_.add((own.change(step, joint) - other.change(step, joint)) * per_second,
                                place);
      }
    }
  }
}

void ExecutionTally::add(const Trajectory& trajectory, const Trajectory* reference,
                         const Tensor& recorded, int64_t episode) {
  ++episodes_;
  add_motion(trajectory, recorded, episode);
  if (reference != nullptr) add_deviation(trajectory, *reference, episode);
}

ExecutionComparison ExecutionTally::finish(std::string runner, ExecutionMode mode) const {
  return {std::move(runner),
          mode,
          episodes_,
          commands_,
          uncovered_,
          borders_,
          figures_of(deviation_),
          figures_of(velocity_deviation_),
          figures_of(from_recorded_),
          figures_of(velocity_),
          figures_of(jerk_),
          figures_of(jump_)};
}

double largest_deviation(const Trajectory& a, const Trajectory& b) {
  const CommandView left(a);
  const CommandView right(b);
  const auto joints = static_cast<size_t>(a.commands.shape()[1]);
  float largest = 0;
  for (size_t step = 0; step < left.steps(); ++step) {
    if (left.covered(step) == 0 || right.covered(step) == 0) continue;
    for (size_t joint = 0; joint < joints; ++joint) {
      largest = std::max(largest, std::abs(left.at(step, joint) - right.at(step, joint)));
    }
  }
  return static_cast<double>(largest);
}

}  // namespace tendon
