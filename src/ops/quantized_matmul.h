// QuantizedMatMul: a matrix product of 8-bit integers with a float epilogue, made by passes.
#pragma once

#include "ops/fused_matmul.h"
#include "ops/requantize.h"

namespace tendon {

/// Y = requantize(activation(scale[n] * (A @ B) + bias + residual_scale * residual)), where A @ B
/// is exact in int32.
///
/// Inputs: A uint8 or int8 [..., M, K], B int8 [K, N] or with trans_b [N, K], scale float32 [N]
/// (that of A times that of B's column), bias float32, float16 or bfloat16, broadcastable to Y
/// (optional), residual of Y's shape, float32, float16, bfloat16, int8 or uint8 (optional). Y is
/// float32, float16 or bfloat16, or round(y / y_scale) as int8 or uint8.
struct QuantizedMatMul : SingleType<QuantizedMatMul> {
  static constexpr std::string_view kOnnxType = "QuantizedMatMul";
  static constexpr std::string_view kDomain = kTendonDomain;
  bool trans_b = false;
  Activation activation = Activation::kNone;
  float residual_scale = 1;
  DataType y_dtype = DataType::kFloat32;
  float y_scale = 1;
  static constexpr auto kFields = std::tuple{
      Field{"trans_b", &QuantizedMatMul::trans_b},
      Field{"activation", &QuantizedMatMul::activation},
      Field{"residual_scale", &QuantizedMatMul::residual_scale},
      Field{"y_dtype", &QuantizedMatMul::y_dtype}, Field{"y_scale", &QuantizedMatMul::y_scale}};
  bool operator==(const QuantizedMatMul&) const = default;
  std::vector<TensorType> infer(Arguments arguments) const;
  std::vector<Tensor> reference(std::span<const Tensor> inputs) const;

  /// The product without what follows it.
  FusedMatMul plain() const { return {.trans_b = trans_b}; }
};
static_assert(Operator<QuantizedMatMul>);

}  // namespace tendon
