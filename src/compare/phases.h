// Finds the parts of recorded episodes on which a task succeeds or fails.
#pragma once

#include <tendon/compare_actions.h>

#include <optional>

namespace tendon {

class PhaseDetector {
 public:
  /// Reads the recorded actions of the episodes, no frames: what counts as an open gripper and as
  /// fast depends on all of them. `rate` in steps a second.
  PhaseDetector(const EpisodicDataset& dataset, std::span<const int64_t> episodes,
                const NormStats& stats, const std::vector<JointInfo>& joints, double rate);

  /// One entry for each row of `action` (T, A), raw: bit p is set where it belongs to Phase p.
  std::vector<uint8_t> phases_of(const Tensor& action) const;

 private:
  struct Gripper {
    size_t joint;
    float low, high;  ///< of all recorded actions
  };
  /// Root mean square of the arm joints' steps, in standard deviations a step.
  std::vector<float> speeds_of(const Tensor& action) const;
  void mark_switches(const Tensor& action, const Gripper& gripper,
                     std::vector<uint8_t>& phases) const;

  std::vector<float> action_std_;
  std::vector<size_t> arm_;
  std::vector<Gripper> grippers_;
  double fast_ = 0;
  int64_t margin_;
};

}  // namespace tendon
