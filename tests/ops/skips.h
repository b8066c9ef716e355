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
    {"training_dropout*", "training mode is refused: policies run in evaluation"},
};

}  // namespace tendon::testing
