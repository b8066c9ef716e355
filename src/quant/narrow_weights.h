// Weights that stay floating point, rounded to what 16 bits hold.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "ir/graph.h"

namespace tendon {

/// Root mean square error of weights in float16, by their root mean square, that is let pass. Of
/// normal numbers it is at most 2^-11.
inline constexpr double kLargestWeightError = 1e-3;

/// That error, over the finite elements.
double float16_error(std::span<const float> elements);

struct NarrowedWeights {
  int count = 0;
  /// Constants that 16 bits would change too much.
  std::vector<std::string> kept;
};

/// Rounds the float32 matrices of a graph (constants of at least 1024 elements that are no vectors)
/// to float16; their type stays. One whose values float16 does not reach, or whose root mean square
/// error would be more than kLargestWeightError of its root mean square, stays as it is.
NarrowedWeights narrow_weights(Graph& graph);

/// The same elements in float16 where each of them is one, else an undefined tensor.
Tensor exact_float16(const Tensor& tensor);

}  // namespace tendon
