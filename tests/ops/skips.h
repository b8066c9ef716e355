// ONNX node cases that Tendon does not pass, each with the reason.
#pragma once

#include <array>
#include <string_view>

namespace tendon::testing {

struct Skip {
  /// The case's folder without "test_"; a '*' at the end matches any rest.
  std::string_view name;
  std::string_view reason;
};

inline constexpr std::array<Skip, 0> kSkips = {};

}  // namespace tendon::testing
