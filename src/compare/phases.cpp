#include "compare/phases.h"

#include <algorithm>
#include <cmath>

#include "compare/quantile_sketch.h"

namespace tendon {
namespace {

constexpr double kFastShare = 0.05;
constexpr double kSwitchSeconds = 0.2;
/// A gripper is open above the upper and closed below the lower of these shares of its range.
constexpr float kOpenAbove = 0.6f;
constexpr float kClosedBelow = 0.4f;
/// Smaller ranges, in shares of opening, are noise.
constexpr float kLeastRange = 0.1f;

uint8_t bit_of(Phase phase) { return static_cast<uint8_t>(1u << static_cast<int>(phase)); }

}  // namespace

PhaseDetector::PhaseDetector(const EpisodicDataset& dataset, std::span<const int64_t> episodes,
                             const NormStats& stats, const std::vector<JointInfo>& joints,
                             double rate)
    : action_std_(stats.action_std),
      margin_(static_cast<int64_t>(std::llround(kSwitchSeconds * rate))) {
  for (size_t i = 0; i < joints.size(); ++i) {
    if (joints[i].is_gripper()) {
      grippers_.push_back(
          {i, std::numeric_limits<float>::max(), -std::numeric_limits<float>::max()});
    } else {
      arm_.push_back(i);
    }
  }
  QuantileSketch speeds;
  for (const int64_t episode : episodes) {
    const Tensor action = dataset.open(episode).action();
    for (const float speed : speeds_of(action)) speeds.add(speed);
    const auto values = action.data<float>();
    for (Gripper& gripper : grippers_) {
      for (size_t i = gripper.joint; i < values.size(); i += action_std_.size()) {
        gripper.low = std::min(gripper.low, values[i]);
        gripper.high = std::max(gripper.high, values[i]);
      }
    }
  }
  if (speeds.count() > 0) fast_ = speeds.quantile(1 - kFastShare);
}

std::vector<float> PhaseDetector::speeds_of(const Tensor& action) const {
  const size_t joints = action_std_.size();
  const auto values = action.data<float>();
  std::vector<float> speeds(values.size() / joints, 0.0f);
  for (size_t step = 1; step < speeds.size() && !arm_.empty(); ++step) {
    double sum = 0;
    for (const size_t joint : arm_) {
      const size_t at = step * joints + joint;
      const double moved =
          (static_cast<double>(values[at]) - static_cast<double>(values[at - joints])) /
          static_cast<double>(action_std_[joint]);
      sum += moved * moved;
    }
    speeds[step] = static_cast<float>(std::sqrt(sum / static_cast<double>(arm_.size())));
  }
  return speeds;
}

void PhaseDetector::mark_switches(const Tensor& action, const Gripper& gripper,
                                  std::vector<uint8_t>& phases) const {
  const float range = gripper.high - gripper.low;
  if (!(range >= kLeastRange)) return;
  const auto values = action.data<float>();
  const auto steps = static_cast<int64_t>(phases.size());
  std::optional<bool> open;
  for (int64_t step = 0; step < steps; ++step) {
    const float value = values[static_cast<size_t>(step) * action_std_.size() + gripper.joint];
    const float share = (value - gripper.low) / range;
    if (share > kClosedBelow && share < kOpenAbove) continue;
    const bool now_open = share >= kOpenAbove;
    if (open.has_value() && *open != now_open) {
      const int64_t last = std::min(step + margin_, steps - 1);
      for (int64_t i = std::max<int64_t>(step - margin_, 0); i <= last; ++i) {
        phases[static_cast<size_t>(i)] |= bit_of(Phase::kGripperSwitch);
      }
    }
    open = now_open;
  }
}

std::vector<uint8_t> PhaseDetector::phases_of(const Tensor& action) const {
  const std::vector<float> speeds = speeds_of(action);
  std::vector<uint8_t> phases(speeds.size(), 0);
  for (size_t step = 0; step < speeds.size(); ++step) {
    if (static_cast<double>(speeds[step]) > fast_) phases[step] |= bit_of(Phase::kFastMotion);
  }
  for (const Gripper& gripper : grippers_) mark_switches(action, gripper, phases);
  return phases;
}

}  // namespace tendon
