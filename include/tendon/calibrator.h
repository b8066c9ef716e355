// Calibrator: finds the range of every value of a network from representative inputs.
#pragma once

#include <tendon/calibration.h>
#include <tendon/data.h>
#include <tendon/data_loader.h>
#include <tendon/network.h>

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace tendon {

/// One of `count` shares of the data; 1 of 1 is all of it.
struct Shard {
  int64_t number = 1;
  int64_t count = 1;
  bool operator==(const Shard&) const = default;
};

/// What a calibration on real data is held against.
enum class RandomBaseline {
  kR0,  ///< no data: inputs and pools +-2, everything else +-4 (trtexec without a calibrator)
  kR1,  ///< one frame, every input uniform in (-1, 1) (trtexec without a calibration file)
  kR2,  ///< images uniform in (0, 1), other inputs normal with deviation 1
  kR3,  ///< real frames, chosen by lot
};
/// "r0" or "range", "r1" or "uniform", "r2" or "normal", "r3". Throws Error{kUsage} otherwise.
RandomBaseline random_baseline_from_name(std::string_view name);
/// "r0" to "r3".
std::string_view name_of(RandomBaseline baseline);

/// `frames` items of kR1 or kR2; the same seed gives the same values everywhere. Inputs of more
/// than three axes are images.
DataSource random_frames(RandomBaseline baseline, int64_t frames, uint64_t seed = 1);
/// kR0.
Calibration fixed_ranges(const Network& network);

/// A frame that a run has just done.
struct CalibratedFrame {
  /// How many are done with it, those of a killed run before included.
  int64_t done = 0;
  /// Such as "episode_0 step 37".
  const std::string& place;
  const TensorMap& inputs;
  /// Of the network in float32.
  const TensorMap& outputs;
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
  /// Where a run keeps what it has so far, so that a killed one goes on from there; empty: `cache`
  /// with ".journal", or none. Without a cache it stays when the run is done.
  std::string journal = "";
  /// Frames between two writes of the journal.
  int64_t checkpoint_every = 32;
  /// In the cache's first line.
  std::string tensorrt_version = "100300";
  /// Names the data in the cache where it is a baseline.
  std::optional<RandomBaseline> random = std::nullopt;
  /// Called after each frame.
  std::function<void(const CalibratedFrame& frame)> on_frame = {};
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
  /// A few frames of the data, chosen by lot over their contents: whatever their order, the same
  /// ones. Those that the last calibrate() of `network` saw, else all data is read once. Throws as
  /// calibrate() does for bad frames.
  const std::vector<TensorMap>& sample(const Network& network);
  /// Forgets what was found, so that the next call reads the cache or runs again.
  void reset();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Calibration::merge for a network at hand, which kAuto needs.
Calibration merge_calibrations(std::span<const Calibration> parts, const Network& network,
                               std::optional<RangeOptions> range = std::nullopt);

/// Throws Error{kBadInput} when `calibration` was made for another model, unless `force`, which
/// makes it a warning. One without provenance fits any network.
void require_same_model(const Calibration& calibration, const Network& network, bool force = false);

}  // namespace tendon
