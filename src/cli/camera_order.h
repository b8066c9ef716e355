// Whether the cameras come in the order that the policy was trained with.
#pragma once

#include <tendon/calibrator.h>
#include <tendon/runner.h>

#include <map>
#include <string>
#include <vector>

namespace tendon::cli {

/// The action that the policy gives is far from the recorded one when cameras are mixed up. A few
/// frames of a run are kept; if their actions are far off, other orders are tried on them.
class CameraOrderCheck {
 public:
  /// Nothing is checked unless there are 2 to 4 cameras.
  CameraOrderCheck(Observations data, Network network);

  /// For CalibratorOptions::on_frame.
  void look_at(const CalibratedFrame& frame);
  /// Warns when another order fits the recorded actions clearly better, naming it.
  void report() const;

 private:
  struct Kept {
    TensorMap inputs;
    /// Normalised, as far as the episode goes.
    Tensor action;
    double error = 0;
  };
  double error_of(const std::vector<size_t>& order, EngineRunner& runner) const;

  Observations data_;
  Network network_;
  std::map<std::string, FrameId> frames_;
  std::vector<Kept> kept_;
};

}  // namespace tendon::cli
