// Calibrator: finds the range of every value of a network from representative inputs.
#pragma once

#include <tendon/calibration.h>
#include <tendon/data.h>
#include <tendon/data_loader.h>
#include <tendon/network.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace tendon {

/// One of `count` shares of the data; 1 of 1 is all of it.
struct Shard {
  int64_t number = 1;
  int64_t count = 1;
  bool operator==(const Shard&) const = default;
};

struct CalibratorOptions {
  /// TensorRT's text form, with a .json beside it. If it exists nothing is calibrated; empty: none.
  std::string cache = "";
  CalibrationAlgorithm algorithm = CalibrationAlgorithm::kEntropy2;
  /// Frames in an item of the data loader; others are bad, but a smaller last one. 0: any.
  int64_t batch_size = 0;
  /// As RangeOptions say.
  std::optional<double> quantile = std::nullopt;
  std::optional<double> regression_cutoff = std::nullopt;
  /// Bad frames that are left out and listed; one more ends the run.
  int64_t skip_bad = 0;
  /// Share of the frames that kAuto keeps for judging, in (0, 1).
  double held_out = 0.125;
  /// A part gives a Calibration that can only be merged.
  Shard shard = {};
  /// Uses a cache that does not fit the model, the algorithm or the data, and accepts frames that
  /// are all equal. What is wrong is then a warning.
  bool force = false;
  /// Device and threads that run the network in float32; see EngineConfig.
  std::string device = "cpu";
  int threads = 0;
  /// A run with a cache writes its journal (`cache`.journal) after so many frames, so that a killed
  /// one goes on from there.
  int64_t checkpoint_every = 32;
  /// In the cache's first line.
  std::string tensorrt_version = "100300";
  /// What CalibrationInfo::random shall say; data that comes from DataLoader or random_frames says
  /// it by itself nowhere.
  std::string random = "";
  /// Called after each frame with how many are done.
  std::function<void(int64_t done)> on_progress = {};
};

/// Runs the network in float32 on every frame and watches its values. The result depends on which
/// frames there are, not on their order, on how they are batched or shared out, or on a run being
/// killed and started again.
class Calibrator {
 public:
  /// Each item holds the network's inputs, one or more frames stacked along the first axis. A range
  /// that is passed by name must outlive the calibrator and be restartable for a second network.
  Calibrator(DataSource data, CalibratorOptions options = {});
  /// Knows which episode and step every frame is.
  Calibrator(Observations data, CalibratorOptions options = {});
  ~Calibrator();
  Calibrator(Calibrator&&) noexcept;
  Calibrator& operator=(Calibrator&&) noexcept;

  const CalibratorOptions& options() const;
  /// The calibration of `network`: what the last call found for it, else the cache, else a run that
  /// writes the cache. Throws Error{kBadInput} for a cache that does not fit (naming what differs),
  /// no data, a bad frame (naming it) and frames that are all equal, Error{kUnsupported} for a
  /// network that is quantised already.
  const Calibration& calibrate(const Network& network);
  /// Always a run, which writes the cache where one is named.
  Calibration run(const Network& network);
  /// Forgets what was found, so that the next call reads the cache or runs again.
  void reset();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Throws Error{kBadInput} when `calibration` was made for another model, unless `force`, which
/// makes it a warning. One without provenance fits any network.
void require_same_model(const Calibration& calibration, const Network& network, bool force = false);

}  // namespace tendon
