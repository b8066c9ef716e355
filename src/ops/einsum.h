// Einsum: sums of products over the axes that an equation names by letters.
#pragma once

#include "ops/op.h"

namespace tendon {

struct Einsum : SingleType<Einsum> {
  static constexpr std::string_view kOnnxType = "Einsum";
  std::string equation;
  static constexpr auto kFields = std::tuple{Field{"equation", &Einsum::equation}};
  bool operator==(const Einsum&) const = default;
  std::vector<TensorType> infer(Arguments arguments) const;
  std::vector<Tensor> reference(std::span<const Tensor> inputs) const;

  /// The equation for given ranks: one character an axis, those of an ellipsis from '0' on.
  struct Terms {
    std::vector<std::string> inputs;
    std::string output;
  };
  /// Throws Error{kBadInput} where the equation does not fit.
  Terms terms(std::span<const Shape> shapes) const;
};
static_assert(Operator<Einsum>);

}  // namespace tendon
