// QuantizedConv: a convolution of 8-bit integers with a float epilogue, made by passes.
#pragma once

#include "ops/fused_conv.h"
#include "ops/requantize.h"

namespace tendon {

/// Y = requantize(activation(scale[m] * (X conv W) + B[m] + residual_scale * residual)), where X
/// conv W is exact in int32 and padding is 0.
///
/// Inputs: X uint8 or int8, W int8 [M,C/group,kernel…], scale float32 [M] (that of X times that of
/// W's output channel), B float32, float16 or bfloat16 [M] (optional), residual of Y's shape,
/// float32, float16, bfloat16, int8 or uint8 (optional). With channels_last X, residual and Y are
/// [N,spatial…,C]; W stays as it is. Y is float32, float16 or bfloat16, or round(y / y_scale) as
/// int8 or uint8.
struct QuantizedConv : SingleType<QuantizedConv>, WindowAttributes {
  static constexpr std::string_view kOnnxType = "QuantizedConv";
  static constexpr std::string_view kDomain = kTendonDomain;
  int64_t group = 1;
  Activation activation = Activation::kNone;
  bool channels_last = false;
  float residual_scale = 1;
  DataType y_dtype = DataType::kFloat32;
  float y_scale = 1;
  static constexpr auto kFields = std::tuple_cat(
      kWindowFields, std::tuple{Field{"group", &QuantizedConv::group},
                                Field{"activation", &QuantizedConv::activation},
                                Field{"channels_last", &QuantizedConv::channels_last},
                                Field{"residual_scale", &QuantizedConv::residual_scale},
                                Field{"y_dtype", &QuantizedConv::y_dtype},
                                Field{"y_scale", &QuantizedConv::y_scale}});
  bool operator==(const QuantizedConv&) const = default;
  std::vector<TensorType> infer(Arguments arguments) const;
  std::vector<Tensor> reference(std::span<const Tensor> inputs) const;

  /// The convolution without what follows it.
  FusedConv plain() const;
};
static_assert(Operator<QuantizedConv>);

}  // namespace tendon
