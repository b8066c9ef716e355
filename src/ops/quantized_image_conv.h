// QuantizedImageConv: the first convolution on codes of images as they come, with the pool after
// it, made by passes for GPUs.
#pragma once

#include "ops/max_pool.h"
#include "ops/quantized_conv.h"

namespace tendon {

/// The maxima over 3x3 windows with stride 2 and a border of 1 of requantize(activation(scale[m] *
/// (C conv W) + B[m])). C is int8 [N,height,width,channels + 1]: round((X - offset) / x_scale), and
/// `inside` in the last channel; beyond the border 0.
///
/// Inputs: X [N,channels,height,width] or, with channels_last, [N,height,width,channels], of uint8
/// or float32; W int8 [M,channels + 1,kernel…]; scale float32 [M]; B float32 [M] (optional). Y is
/// [N,height,width,M] of round(y / y_scale) as int8 or uint8.
struct QuantizedImageConv : SingleType<QuantizedImageConv>, WindowAttributes {
  static constexpr std::string_view kOnnxType = "QuantizedImageConv";
  static constexpr std::string_view kDomain = kTendonDomain;
  Activation activation = Activation::kNone;
  bool channels_last = false;
  float offset = 0;
  float x_scale = 1;
  int64_t inside = 0;
  DataType y_dtype = DataType::kUInt8;
  float y_scale = 1;
  static constexpr auto kFields = std::tuple_cat(
      kWindowFields, std::tuple{Field{"activation", &QuantizedImageConv::activation},
                                Field{"channels_last", &QuantizedImageConv::channels_last},
                                Field{"offset", &QuantizedImageConv::offset},
                                Field{"x_scale", &QuantizedImageConv::x_scale},
                                Field{"inside", &QuantizedImageConv::inside},
                                Field{"y_dtype", &QuantizedImageConv::y_dtype},
                                Field{"y_scale", &QuantizedImageConv::y_scale}});
  bool operator==(const QuantizedImageConv&) const = default;
  std::vector<TensorType> infer(Arguments arguments) const;
  std::vector<Tensor> reference(std::span<const Tensor> inputs) const;

  /// What is left when X has become codes, but for the pool.
  QuantizedConv conv() const;
  /// C's shape.
  Shape codes(const Shape& x) const;
};
static_assert(Operator<QuantizedImageConv>);

}  // namespace tendon
