// LayerNormalizationMatMul: a product with few columns of rows that it normalises itself, made by
// passes for GPUs.
#pragma once

#include "ops/op.h"

namespace tendon {

/// Y = LayerNormalization(Z) @ B + bias over the last axis of Z, which is X, or where there is a
/// scale, LayerNormalization(X) * scale + shift. Inputs: X [..., M, K], B [K, N], bias [N], scale
/// [K], shift [K], the last three optional. All but X have one floating type, which is Y's; X may
/// have another one.
struct LayerNormalizationMatMul : SingleType<LayerNormalizationMatMul> {
  static constexpr std::string_view kOnnxType = "LayerNormalizationMatMul";
  static constexpr std::string_view kDomain = kTendonDomain;
  static constexpr size_t kScale = 3;
  /// The longest rows that passes make it for, and kernels take; multiples of kWidthStep.
  static constexpr int64_t kMostWidth = 1024;
  static constexpr int64_t kWidthStep = 4;
  /// Of the normalization before the product.
  float epsilon = 1e-5F;
  /// Of the one before that, where there is a scale.
  float first_epsilon = 1e-5F;
  static constexpr auto kFields =
      std::tuple{Field{"epsilon", &LayerNormalizationMatMul::epsilon},
                 Field{"first_epsilon", &LayerNormalizationMatMul::first_epsilon}};
  bool operator==(const LayerNormalizationMatMul&) const = default;
  std::vector<TensorType> infer(Arguments arguments) const;
  std::vector<Tensor> reference(std::span<const Tensor> inputs) const;
};
static_assert(Operator<LayerNormalizationMatMul>);

}  // namespace tendon
