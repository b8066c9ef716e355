// ConvTranspose: the transpose of a grouped convolution over 1 to 3 spatial axes.
#pragma once

#include "ops/window.h"

namespace tendon {

/// Inputs X [N,C,…], W [C,M/group,…], B? [M].
struct ConvTranspose : SingleType<ConvTranspose>, WindowAttributes {
  static constexpr std::string_view kOnnxType = "ConvTranspose";
  int64_t group = 1;
  std::vector<int64_t> output_padding;
  /// Spatial sizes of the result, from which pads follow; empty where pads are given.
  std::vector<int64_t> output_shape;
  static constexpr auto kFields = std::tuple_cat(
      kWindowFields, std::tuple{Field{"group", &ConvTranspose::group},
                                Field{"output_padding", &ConvTranspose::output_padding},
                                Field{"output_shape", &ConvTranspose::output_shape}});
  bool operator==(const ConvTranspose&) const = default;
  std::vector<TensorType> infer(Arguments arguments) const;
  std::vector<Tensor> reference(std::span<const Tensor> inputs) const;

  /// The spatial axes of the convolution that this transposes: each axis' `input` is a size of the
  /// result and its `output` a size of X.
  std::vector<WindowAxis> axes(const Shape& input, const Shape& weight) const;
};
static_assert(Operator<ConvTranspose>);

}  // namespace tendon
