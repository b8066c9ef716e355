// ONNX node cases that Tendon does not pass, each with the reason.
#pragma once

#include <string_view>

namespace tendon::testing {

struct Skip {
  /// The case's folder without "test_"; a '*' at the end matches any rest.
  std::string_view name;
  std::string_view reason;
};

inline constexpr Skip kSkips[] = {
    {"batchnorm_epsilon_training_mode", "training mode is refused: policies run in evaluation"},
    {"batchnorm_example_training_mode", "training mode is refused: policies run in evaluation"},
    {"dequantizelinear_blocked", "scales by block are refused: no policy uses them"},
    {"quantizelinear_blocked_*", "scales by block are refused: no policy uses them"},
    {"resize_downsample_scales_cubic_align_corners",
     "divides by scale * size - 1; the text, ONNX Runtime and PyTorch divide by the rounded size"},
    {"resize_downsample_scales_linear_align_corners",
     "divides by scale * size - 1; the text, ONNX Runtime and PyTorch divide by the rounded size"},
    {"training_dropout*", "training mode is refused: policies run in evaluation"},
};

}  // namespace tendon::testing
