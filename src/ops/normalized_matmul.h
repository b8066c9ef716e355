// NormalizedMatMul: a product with residual whose rows are normalised at once, made by passes for
// GPUs.
#pragma once

#include "ops/fused_matmul.h"
#include "ops/layer_normalization.h"
#include "ops/requantize.h"

namespace tendon {

/// Y = LayerNormalization(alpha * A @ B + bias + residual) * scale + shift over the last axis.
/// Inputs: those of FusedMatMul (bias and residual optional; rows of the residual may be longer
/// than N, what is behind is not read), then scale [N] and shift [N] (optional). Where codes_dtype
/// is int8 or uint8, a second output holds round(Y / codes_scale) in that type.
struct NormalizedMatMul : SingleType<NormalizedMatMul> {
  static constexpr std::string_view kOnnxType = "NormalizedMatMul";
  static constexpr std::string_view kDomain = kTendonDomain;
  static constexpr size_t kScale = 4;
  /// B holds [..., N, K].
  bool trans_b = false;
  float alpha = 1;
  float epsilon = 1e-5F;
  DataType codes_dtype = DataType::kFloat32;
  float codes_scale = 1;
  static constexpr auto kFields = std::tuple{Field{"trans_b", &NormalizedMatMul::trans_b},
                                             Field{"alpha", &NormalizedMatMul::alpha},
                                             Field{"epsilon", &NormalizedMatMul::epsilon},
                                             Field{"codes_dtype", &NormalizedMatMul::codes_dtype},
                                             Field{"codes_scale", &NormalizedMatMul::codes_scale}};
  bool operator==(const NormalizedMatMul&) const = default;
  std::vector<TensorType> infer(Arguments arguments) const;
  std::vector<Tensor> reference(std::span<const Tensor> inputs) const;

  /// Its two halves.
  FusedMatMul product() const;
  LayerNormalization norm() const;
};
static_assert(Operator<NormalizedMatMul>);

}  // namespace tendon
