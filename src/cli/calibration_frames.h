// The frames that a calibration looks at, for the verbs that run one.
#pragma once

#include <tendon/calibrator.h>
#include <tendon/data.h>
#include <tendon/network.h>

#include <functional>

#include "cli/camera_order.h"
#include "cli/data_options.h"

namespace tendon::cli {

/// Enough for a policy of this kind; more frames hardly move the ranges.
inline constexpr int64_t kCalibrationFrames = 512;

/// Of the algorithms the one whose engines were most accurate; see docs/calibration.md.
inline constexpr CalibrationAlgorithm kDefaultAlgorithm = CalibrationAlgorithm::kMse;

struct FrameChoice {
  FrameSampling sampling = FrameSampling::kUniform;
  int64_t batch = 1;
  /// Whether steps that cannot be read are handed on as such instead of being refused at once.
  bool allow_bad = false;
};

/// Frames of the episodes as the options say: --frames of them, else kCalibrationFrames or all.
/// Throws Error{kBadInput} where the network takes another number of cameras.
Observations calibration_frames(const DataOptions& options, const FrameChoice& choice,
                                const Network& network);

/// For CalibratorOptions::on_frame: shows how far a calibration on `count` frames is, and its
/// frames to `cameras`, which must outlive it (null: to nobody).
std::function<void(const CalibratedFrame&)> watch_calibration(int64_t count,
                                                              CameraOrderCheck* cameras);

}  // namespace tendon::cli
