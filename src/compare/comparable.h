// The gate before every comparison: equal shapes, numbers only.
#pragma once

#include <tendon/compare_func.h>

#include <optional>
#include <vector>

namespace tendon {

/// Two outputs as doubles under one shape.
struct Comparable {
  Shape shape;
  std::vector<double> tested;
  std::vector<double> reference;
};

/// Fills `pair`, or returns the failure when shapes differ or either side holds NaN or Inf.
/// `equal_infinities`: an Inf that both sides have at the same place, with the same sign, is let
/// through.
std::optional<OutputComparison> make_comparable(const Tensor& tested, const Tensor& reference,
                                                Comparable& pair, bool equal_infinities = false);

}  // namespace tendon
