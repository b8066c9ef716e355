// QuantizedNormalizedMatMul: a product of 8-bit integers whose rows are normalised at once, made by
// passes for GPUs.
#pragma once

#include "ops/layer_normalization.h"
#include "ops/quantized_matmul.h"

namespace tendon {

/// Y = LayerNormalization(scale[n] * (A @ B) + bias + residual) * norm_scale + norm_shift over the
/// last axis. Inputs: those of QuantizedMatMul (bias and residual optional; the residual holds no
/// codes, its rows may be longer than N, and what is behind is not read), then norm_scale [N] and
/// norm_shift [N] (optional), whose type is Y's: float32, float16 or bfloat16. Where codes_dtype is
/// int8 or uint8, a second output holds round(Y / codes_scale) in that type.
struct QuantizedNormalizedMatMul : SingleType<QuantizedNormalizedMatMul> {
  static constexpr std::string_view kOnnxType = "QuantizedNormalizedMatMul";
  static constexpr std::string_view kDomain = kTendonDomain;
  static constexpr size_t kNormScale = 5;
  /// B holds [N, K].
  bool trans_b = false;
  float epsilon = 1e-5F;
  DataType codes_dtype = DataType::kFloat32;
  float codes_scale = 1;
  static constexpr auto kFields =
      std::tuple{Field{"trans_b", &QuantizedNormalizedMatMul::trans_b},
                 Field{"epsilon", &QuantizedNormalizedMatMul::epsilon},
                 Field{"codes_dtype", &QuantizedNormalizedMatMul::codes_dtype},
                 Field{"codes_scale", &QuantizedNormalizedMatMul::codes_scale}};
  bool operator==(const QuantizedNormalizedMatMul&) const = default;
  std::vector<TensorType> infer(Arguments arguments) const;
  std::vector<Tensor> reference(std::span<const Tensor> inputs) const;

  /// Its two halves; the product's result has type `y`.
  QuantizedMatMul product(DataType y) const { return {.trans_b = trans_b, .y_dtype = y}; }
  LayerNormalization norm() const { return {.axis = -1, .epsilon = epsilon}; }
};
static_assert(Operator<QuantizedNormalizedMatMul>);

}  // namespace tendon
