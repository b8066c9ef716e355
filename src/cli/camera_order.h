// Whether the cameras come in the order that the policy was trained with.
#pragma once

#include <tendon/calibrator.h>
#include <tendon/runner.h>

#include <map>
#include <span>
#include <string>
#include <vector>

namespace tendon::cli {

/// The action that the policy gives is far from the recorded one when cameras are mixed up. The
/// errors of a few frames are kept; if they are large, other orders are tried on those frames.
class CameraOrderCheck {
 public:
  /// Nothing is checked unless there are 2 to 4 cameras.
  CameraOrderCheck(Observations data, Network network);

  /// For CalibratorOptions::on_frame.
  void look_at(const CalibratedFrame& frame);
  /// Warns when another order fits the recorded actions clearly better, naming it.
  void report() const;

 private:
  /// Its inputs are read again where another order is tried: images of several frames would be a
  /// third of what calibrating needs.
  struct Kept {
    FrameId id;
    /// Normalised, as far as the episode goes.
    Tensor action;
    double error = 0;
  };
  /// Mean errors of the kept frames with the cameras in each of `orders`.
  std::vector<double> errors_of(std::span<const std::vector<size_t>> orders) const;

  Observations data_;
  Network network_;
  std::map<std::string, FrameId> frames_;
  std::vector<Kept> kept_;
};

}  // namespace tendon::cli
