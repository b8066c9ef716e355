// FrameSource: the calibrator's view of its data, frame by frame.
#pragma once

#include <tendon/calibrator.h>

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace tendon {

/// What one step of the data gave.
struct FrameItem {
  TensorMap inputs;
  /// One for each frame where the data names its frames.
  std::vector<std::string> places;
  /// Says where it is when the frames have no names: "item 7".
  std::string place;
  /// Why it cannot be read; `inputs` are empty then.
  std::string error;
};

struct FrameSource {
  /// Begins a pass; a source that can be walked only once gives nothing the second time.
  std::function<std::function<std::optional<FrameItem>()>(const std::vector<TensorInfo>&)> start;
  /// What is known of the data before it is read.
  CalibrationInfo info;
  /// Names of the last axis of "qpos" and the second one of "image" in messages; may be empty.
  std::vector<std::string> cameras;
  /// Whether start() gives this shard's frames only; else the caller leaves out the others.
  bool is_shard = false;
};

FrameSource frame_source_from(DataSource data);
FrameSource frame_source_from(const Observations& data, Shard shard);

/// The frames of an item, each with a first axis of 1, where every input has the same first axis;
/// otherwise the item itself. `batched` tells whether the network's first axes may be cut.
std::vector<TensorMap> frames_of(const TensorMap& item, bool batched);

}  // namespace tendon
