// Calibration: the ranges of a network's values together with where they come from.
#pragma once

#include <tendon/ranges.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tendon {

/// How a range is chosen from what was observed. docs/calibration.md defines each.
enum class CalibrationAlgorithm {
  kEntropy2,    ///< least loss of information, zeros left out (TensorRT's default)
  kEntropy,     ///< least loss of information over all elements
  kMinMax,      ///< the largest magnitude
  kLegacy,      ///< a quantile and a regression over the tail
  kPercentile,  ///< the magnitude that covers a share of the elements
  kMse,         ///< least squared error
  kAuto,        ///< of all these, the range with the least error of what reads the value
};
/// "entropy2", "entropy", "minmax", "legacy", "percentile", "mse", "auto".
std::string_view name_of(CalibrationAlgorithm algorithm);
/// Throws Error{kUsage} for an unknown name, listing all.
CalibrationAlgorithm calibration_algorithm_from_name(std::string_view name);

/// An algorithm with what it can be told. Only kLegacy and kPercentile read `quantile`, only
/// kLegacy reads `regression_cutoff`.
struct RangeOptions {
  CalibrationAlgorithm algorithm = CalibrationAlgorithm::kEntropy2;
  /// In (0, 1]. Left open: 0.5 for kLegacy as in Polygraphy, 0.9999 for kPercentile.
  std::optional<double> quantile = std::nullopt;
  /// In (0, 1]. Left open: 0.5.
  std::optional<double> regression_cutoff = std::nullopt;
  bool operator==(const RangeOptions&) const = default;
};

/// A frame that was left out, and why.
struct BadFrame {
  std::string place;
  std::string reason;
  auto operator<=>(const BadFrame&) const = default;
};

/// Which model and data a calibration belongs to. Digests are hexadecimal.
struct CalibrationInfo {
  std::string model_name;
  std::string model_sha256;
  /// Of the statistics that joints were normalised with; empty for data that came ready.
  std::string statistics_sha256;
  /// In the policy's order, and the order of colours; empty for data that came ready.
  std::vector<std::string> cameras;
  std::string color;
  /// Of the contents of all frames, whatever their order.
  std::string data_sha256;
  int64_t frames = 0;
  /// Those among `frames` that only judged the candidates of kAuto.
  int64_t held_out_frames = 0;
  /// "r0" to "r3" for calibration on random data or choice, else empty.
  std::string random;
  RangeOptions range;
  /// "2/3" for one part of a calibration that was shared out, else empty.
  std::string shard;
  std::vector<BadFrame> bad_frames;
  bool operator==(const CalibrationInfo&) const = default;
};

/// Immutable; copies share everything.
class Calibration {
 public:
  /// Without any range.
  Calibration();

  /// Reads a cache that save() or TensorRT wrote. With `path`.json beside it everything is known,
  /// without it the scales alone. Throws Error{kBadInput} naming file and line for a damaged one,
  /// for a part of a calibration, and, unless `force`, when the two files contradict each other
  /// (the cache then holds).
  static Calibration load(const std::string& path, bool force = false);
  /// Writes `path` in TensorRT's text form and `path`.json beside it, each whole or not at all.
  /// `tensorrt_version` stands in the cache's first line, such as "8502" or "100300". A part (see
  /// CalibrationInfo::shard) is written to `path` as JSON alone.
  void save(const std::string& path, std::string_view tensorrt_version = "100300") const;

  /// What parts of one calibration give together: the same as the whole would have. Whole ones add
  /// up as well, such as those of several robots with one policy. Throws Error{kBadInput} naming
  /// what differs, or which part is missing or there twice. Other ranges can be chosen by the way,
  /// also from a single complete calibration. For kAuto see merge_calibrations.
  static Calibration merge(std::span<const Calibration> parts,
                           std::optional<RangeOptions> range = std::nullopt);
  /// Reads a part that save() wrote, or a complete calibration as load() does.
  static Calibration load_part(const std::string& path);

  const Ranges& ranges() const;
  const CalibrationInfo& info() const;
  /// False for a cache of which only the scales are known.
  bool has_provenance() const;

  /// For Tendon's own rooms.
  struct Data;
  explicit Calibration(std::shared_ptr<const Data> data);
  const Data& data() const { return *data_; }

 private:
  std::shared_ptr<const Data> data_;
};

}  // namespace tendon
