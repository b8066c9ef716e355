// Which frames of a dataset stand for all of them.
#pragma once

#include <tendon/data.h>

#include <vector>

namespace tendon {

/// As ObservationOptions::chosen, or frames, sampling, seed, stride and episodes say. In order of
/// episode and step, except for kRandom. Throws Error{kUsage} for an episode or step that does not
/// exist and for more frames than there are.
std::vector<FrameId> choose_frames(const EpisodicDataset& dataset,
                                   const ObservationOptions& options);

}  // namespace tendon
