// FusedMatMul: Y = activation(alpha * A @ B + bias + residual), made by passes.
#pragma once

#include "ops/activation.h"

namespace tendon {

/// Inputs: A [..., M, K], B [K, N] or [..., K, N] with batch axes that broadcast with A's, bias
/// broadcastable to Y (optional), residual of Y's shape (optional). All have one type, which is
/// Y's; beside bfloat16 A and B, bias and residual may be float32, and then so is Y.
struct FusedMatMul : SingleType<FusedMatMul> {
  static constexpr std::string_view kOnnxType = "FusedMatMul";
  static constexpr std::string_view kDomain = kTendonDomain;
  /// B holds [..., N, K].
  bool trans_b = false;
  float alpha = 1;
  Activation activation = Activation::kNone;
  static constexpr auto kFields =
      std::tuple{Field{"trans_b", &FusedMatMul::trans_b}, Field{"alpha", &FusedMatMul::alpha},
                 Field{"activation", &FusedMatMul::activation}};
  bool operator==(const FusedMatMul&) const = default;
  std::vector<TensorType> infer(Arguments arguments) const;
  std::vector<Tensor> reference(std::span<const Tensor> inputs) const;

  /// Y's shape. Throws Error{kBadInput} with both shapes where they do not fit.
  Shape output_shape(const Shape& a, const Shape& b) const;
};
static_assert(Operator<FusedMatMul>);

}  // namespace tendon
