// Keeps the frames at which a runner is furthest from the reference.
#pragma once

#include <tendon/comparison.h>

namespace tendon {

/// Frames of one episode that are close to each other count as one, so that the list shows
/// different moments.
class WorstFrames {
 public:
  /// `distance` in steps of an episode.
  WorstFrames(size_t capacity, int64_t distance) : capacity_(capacity), distance_(distance) {}

  /// Where an error of this size would go; false when it is not among the worst.
  bool wants(double error, const FrameId* frame) const;
  /// Only after wants().
  void put(WorstFrame worst, const FrameId* frame);
  /// Worst first.
  std::vector<WorstFrame> take();

 private:
  struct Entry {
    WorstFrame worst;
    FrameId frame;  ///< episode -1: no frame of an episode
  };
  bool are_close(const Entry& entry, const FrameId* frame) const;

  size_t capacity_;
  int64_t distance_;
  std::vector<Entry> entries_;
};

}  // namespace tendon
