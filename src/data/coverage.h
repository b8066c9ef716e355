// How well chosen frames cover a dataset.
#pragma once

#include <tendon/data.h>

#include <span>
#include <vector>

namespace tendon {

/// Raw positions of one joint; NaN and infinity are left out.
struct JointCoverage {
  double sample_min = 0, sample_max = 0;
  double all_min = 0, all_max = 0;
  /// The sample's share of the whole range; 1 for a joint that never moves.
  double share() const;
  /// Whether the joint stood still in all frames of the sample.
  bool is_constant() const { return sample_min == sample_max; }
};

/// One entry a joint: the range in `frames` against that in all steps of all episodes.
std::vector<JointCoverage> joint_coverage(const EpisodicDataset& dataset,
                                          std::span<const FrameId> frames);

/// Mean brightness, 0 to 1, of each camera over at most `most_frames` frames that are spread over
/// the dataset. Frames that cannot be read are left out.
std::vector<double> camera_brightness(const EpisodicDataset& dataset, int64_t most_frames);

}  // namespace tendon
