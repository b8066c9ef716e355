// Recorded episodes as training saw them: frames, joint positions, actions and their statistics.
#pragma once

#include <tendon/tensor.h>

#include <cstdint>
#include <iterator>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tendon {

/// Mean and standard deviation of each joint and action, as ACT's dataset_stats.pkl holds them.
struct NormStats {
  std::vector<float> qpos_mean;
  std::vector<float> qpos_std;
  std::vector<float> action_mean;
  std::vector<float> action_std;
  /// Smallest and largest action of training; empty when the file has none.
  std::vector<float> action_min;
  std::vector<float> action_max;
  /// (T, J) float32, raw joint positions of one episode; undefined when the file has none.
  Tensor example_qpos;

  /// Reads a pickle (nothing in it is executed) or JSON. Throws Error{kBadInput} for anything but
  /// finite statistics with positive deviations.
  static NormStats load(const std::string& path);
  static NormStats parse(std::span<const std::byte> bytes, const std::string& name);
  /// Writes JSON that load() reads back exactly.
  void save(const std::string& path) const;

  int64_t joint_count() const { return static_cast<int64_t>(qpos_mean.size()); }
  int64_t action_count() const { return static_cast<int64_t>(action_mean.size()); }

  /// (x - mean) / std over the last axis of a float32 tensor; the inverse is x * std + mean.
  /// Throws Error{kBadInput} when the last axis has another length.
  Tensor normalize_qpos(const Tensor& qpos) const;
  Tensor normalize_action(const Tensor& action) const;
  Tensor denormalize_action(const Tensor& action) const;
};

/// How the JPEG rows of a file were encoded. ALOHA's recorder hands RGB frames to an encoder that
/// expects BGR, so a plain decoder gives its frames with red and blue exchanged.
enum class ColorOrder {
  /// The text attribute `color_order` ("rgb" or "bgr") of the file decides; without it, rows
  /// with the quantisation tables of ALOHA's recorder (quality 50) are taken as kBgr, others as
  /// kRgb. What was assumed is logged as a warning.
  kAuto,
  /// A plain decoder gives the frames that training saw.
  kRgb,
  /// Red and blue are exchanged after decoding.
  kBgr,
};
/// "rgb", "bgr" or "auto". Throws Error{kUsage} for anything else.
ColorOrder color_order_from_name(std::string_view name);
std::string_view name_of(ColorOrder color);

struct EpisodicOptions {
  /// In the policy's order. Empty: those of the first episode by name, which is logged.
  std::vector<std::string> cameras = {};
  /// Concerns JPEG rows only; raw frames are what training saw.
  ColorOrder color = ColorOrder::kAuto;
  /// Appends the two columns of /base_action, smoothed over five steps (zero when absent), to the
  /// action, as training of mobile robots does.
  bool base_actions = false;
  /// Takes episodes that hold NaN or infinity in joint positions or actions; else they are refused
  /// when the dataset is opened. Observations then report the steps in question.
  bool allow_bad_steps = false;
};

/// One step as training saw it.
struct Sample {
  Tensor image;   ///< (k, 3, H, W) float32 in 0..1, in the order of the cameras
  Tensor qpos;    ///< (J,) float32, normalised
  Tensor action;  ///< (horizon, A) float32, normalised; padding was zero before that
  Tensor is_pad;  ///< (horizon,) bool
};

struct EpisodeData;

/// One open episode; copies share the file. Not for use by two threads at once.
class Episode {
 public:
  /// File name without folder and extension.
  const std::string& name() const;
  const std::string& path() const;
  int64_t length() const;
  /// False for episodes of real robots, whose action targets are shifted by one step.
  bool is_sim() const;
  /// (T, J) float32, raw.
  const Tensor& qpos() const;
  /// (T, A) float32, raw.
  const Tensor& action() const;
  /// (k, 3, H, W) uint8. Throws Error{kBadInput} naming file, camera and step.
  Tensor frame(int64_t step) const;
  /// The targets from `step` on, padded or cut to `horizon` steps; 0 means the episode's length.
  Sample sample(int64_t step, const NormStats& stats, int64_t horizon = 0) const;

 private:
  friend class EpisodicDataset;
  explicit Episode(std::shared_ptr<const EpisodeData> data) : data_(std::move(data)) {}
  std::shared_ptr<const EpisodeData> data_;
};

/// A folder of ACT, ALOHA or mobile ALOHA episodes, or one such file. Every episode is opened and
/// checked once; frames are read on demand. Cheap to copy; may be used from several threads.
class EpisodicDataset {
 public:
  /// Takes `episode_*.hdf5` of the folder in numeric order, or, when there are none, all *.hdf5
  /// below it but those with "features" in their name. Throws Error{kBadInput} naming the file.
  explicit EpisodicDataset(const std::string& path, EpisodicOptions options = {});

  const std::string& path() const;
  const std::vector<std::string>& cameras() const;
  /// As asked for.
  ColorOrder color() const;
  int64_t joint_count() const;
  int64_t action_count() const;
  /// (k, 3, H, W)
  Shape frame_shape() const;

  /// Episodes are counted from 0 in file order; any other number is Error{kUsage}.
  int64_t size() const;
  int64_t length(int64_t episode) const;
  const std::string& name(int64_t episode) const;
  Episode open(int64_t episode) const;

 private:
  struct Data;
  std::shared_ptr<const Data> data_;
};

/// Training's statistics over all steps of all episodes: unbiased deviation, at least 0.01.
NormStats get_norm_stats(const EpisodicDataset& dataset);

/// Throws Error{kBadInput} when `stats` are of a robot with other joints or actions.
void check_stats_fit(const NormStats& stats, const EpisodicDataset& dataset);

/// Which frame of a dataset.
struct FrameId {
  int64_t episode = 0;
  int64_t step = 0;
  bool operator==(const FrameId&) const = default;
};

/// How frames are chosen among the candidates.
enum class FrameSampling {
  kUniform,   ///< at even distances
  kPhase,     ///< the same, but denser where joints move fast and around gripper switches
  kCoverage,  ///< each as far as possible from all before, in joint space
  kRandom,    ///< by lot, without order
};
/// "uniform", "phase", "coverage" or "random". Throws Error{kUsage} for anything else.
FrameSampling frame_sampling_from_name(std::string_view name);

struct ObservationOptions {
  /// How many of the chosen episodes' steps, as `sampling` says; 0 means all of them.
  int64_t frames = 0;
  FrameSampling sampling = FrameSampling::kUniform;
  /// Of kRandom.
  uint64_t seed = 1;
  /// Only every stride-th step of an episode is a candidate.
  int64_t stride = 1;
  /// Positions in the dataset; empty means all.
  std::vector<int64_t> episodes = {};
  /// Exactly these frames in this order, whatever stands above; empty: as above.
  std::vector<FrameId> chosen = {};
  /// A frame that cannot be read becomes an observation of its own with `error` set; else the
  /// iterator throws and ends.
  bool report_bad = false;
  /// Frames an observation; the last one may hold fewer.
  int64_t batch = 1;
  /// Observations held ready by the reading thread.
  int64_t prefetch = 2;
  /// Joint positions as recorded, for policies exported with raw units.
  bool raw_units = false;
  /// Frames as recorded, for policies exported with raw images.
  bool raw_images = false;
};

/// Inputs of a policy: "qpos" (B, J) normalised and "image" (B, k, 3, H, W) in 0..1, float32; with
/// raw_units "qpos" is as recorded, with raw_images "image" is uint8 (B, k, H, W, 3).
struct Observation {
  std::vector<FrameId> frames;
  /// Empty where `error` is not.
  TensorMap inputs;
  /// Why the frame cannot be read; empty unless ObservationOptions::report_bad.
  std::string error = {};
};

/// A range of observations, for `for` loops. Each begin() starts a thread that reads ahead; its
/// memory is bounded by `prefetch` observations besides those in use, its errors are thrown by the
/// iterator, and it ends with the iterator.
class Observations {
 public:
  class Iterator {
   public:
    const Observation& operator*() const { return *current_; }
    const Observation* operator->() const { return current_.get(); }
    Iterator& operator++();
    bool operator==(std::default_sentinel_t) const { return current_ == nullptr; }

   private:
    friend class Observations;
    class Reader;
    std::shared_ptr<Reader> reader_;
    std::shared_ptr<const Observation> current_;
  };

  Iterator begin() const;
  std::default_sentinel_t end() const { return {}; }
  /// Observations, that is batches.
  int64_t size() const;
  const std::vector<FrameId>& frames() const { return frames_; }
  const EpisodicDataset& dataset() const { return dataset_; }
  const NormStats& stats() const { return stats_; }
  const ObservationOptions& options() const { return options_; }
  /// Share `number` (from 1) of `count` nearly equal ones, neighbours kept together.
  Observations part(int64_t number, int64_t count) const;

 private:
  friend Observations observations(const EpisodicDataset&, const NormStats&, ObservationOptions);
  Observations(EpisodicDataset dataset, NormStats stats, ObservationOptions options);
  EpisodicDataset dataset_;
  NormStats stats_;
  ObservationOptions options_;
  std::vector<FrameId> frames_;
};

/// Throws Error{kBadInput} when the statistics are of another robot, Error{kUsage} for options out
/// of range.
Observations observations(const EpisodicDataset& dataset, const NormStats& stats,
                          ObservationOptions options = {});

}  // namespace tendon
