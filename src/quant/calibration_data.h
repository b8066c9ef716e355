// What a Calibration handle points to.
#pragma once

#include <tendon/calibration.h>

#include <map>
#include <string>
#include <vector>

#include "quant/samples.h"
#include "quant/value_statistics.h"

namespace tendon {

struct CalibrationFrame {
  FrameKey key;
  /// Such as "episode_0 step 37"; empty for data without a name.
  std::string place;
  bool held_out = false;
  auto operator<=>(const CalibrationFrame&) const = default;
};

struct Calibration::Data {
  CalibrationInfo info;
  /// Which values there are, in order of name; empty where only scales are known.
  std::vector<CalibratedValue> values;
  /// By source; empty where only ranges are known.
  std::map<std::string, ValueStatistics, std::less<>> statistics;
  /// In order; a frame that came twice stands here twice.
  std::vector<CalibrationFrame> frames;
  /// Rows for kAuto; only in a part, or while a run goes on.
  RowSamples samples;
  Ranges ranges;
  bool has_provenance = false;
};

/// Sorts the frames, counts and digests them and, unless it is a part, chooses the ranges as
/// info.range says. kAuto needs the layers that read the values; throws Error{kUsage} without them.
std::shared_ptr<const Calibration::Data> finished(Calibration::Data data,
                                                  std::span<const Consumer> consumers = {});

/// amax as it comes back from a cache: 127 times a float32 scale. 1 where there is nothing to
/// scale.
double storable_amax(double amax);
/// The scale that a cache holds for it.
float scale_of(double amax);

}  // namespace tendon
