// Camera pictures out of a policy's inputs.
#pragma once

#include <tendon/comparison.h>

namespace tendon {

/// One picture for each camera of every input of shape (…, 3, H, W), uint8 or float32, at most
/// kMaxPictures and at most kMaxPictureWidth wide. Values outside 0..1 are stretched over the
/// picture's own range. `cameras` name those of an input with as many.
std::vector<Picture> pictures_from_inputs(const TensorMap& inputs,
                                          const std::vector<std::string>& cameras);
inline constexpr size_t kMaxPictures = 8;
inline constexpr int64_t kMaxPictureWidth = 320;

}  // namespace tendon
