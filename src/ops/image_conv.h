// ImageConv: the first convolution on images as they come, made by passes.
#pragma once

#include "ops/activation.h"
#include "ops/fused_conv.h"
#include "ops/max_pool.h"
#include "ops/requantize.h"

namespace tendon {

/// Y = activation(Conv(X - offset, W) + B); beyond the border X - offset is 0. If pooled, the
/// maxima of that over 3x3 windows with stride 2 and a border of 1. Inputs: X [N,C,height,width]
/// or, with channels_last, [N,height,width,C], of uint8, float16, bfloat16 or float32; W
/// [M,C,kernel…]; B [M] (optional); offset [C] in float32 (optional). Y is [N,height,width,M] in
/// W's type, or round(y / y_scale) as int8 or uint8 where y_dtype is one of them.
struct ImageConv : SingleType<ImageConv>, WindowAttributes {
  static constexpr std::string_view kOnnxType = "ImageConv";
  static constexpr std::string_view kDomain = kTendonDomain;
  Activation activation = Activation::kNone;
  bool channels_last = false;
  bool pooled = false;
  DataType y_dtype = DataType::kFloat32;
  float y_scale = 1;
  static constexpr auto kFields =
      std::tuple_cat(kWindowFields, std::tuple{Field{"activation", &ImageConv::activation},
                                               Field{"channels_last", &ImageConv::channels_last},
                                               Field{"pooled", &ImageConv::pooled},
                                               Field{"y_dtype", &ImageConv::y_dtype},
                                               Field{"y_scale", &ImageConv::y_scale}});
  bool operator==(const ImageConv&) const = default;
  std::vector<TensorType> infer(Arguments arguments) const;
  std::vector<Tensor> reference(std::span<const Tensor> inputs) const;

  /// What is left when X has been prepared, and what follows it if pooled.
  FusedConv conv() const;
  static MaxPool pool();
  /// Whether `other` does the same as pool(), in its own layout, to images of shape `x`.
  static bool is_pool(const MaxPool& other, const Shape& x);
  /// X's shape as conv() takes it: channels last.
  Shape prepared(const Shape& x) const;
};
static_assert(Operator<ImageConv>);

}  // namespace tendon
