// Resize: interpolation of every axis to another size.
#pragma once

#include "ops/op.h"

namespace tendon {

/// Inputs X, roi?, scales?, sizes?; one of scales and sizes. Attributes as ONNX names them.
struct Resize : SingleType<Resize> {
  static constexpr std::string_view kOnnxType = "Resize";
  bool antialias = false;
  /// Axes that roi, scales and sizes speak of; empty for all.
  std::vector<int64_t> axes;
  std::string coordinate_transformation_mode = "half_pixel";
  float cubic_coeff_a = -0.75f;
  bool exclude_outside = false;
  float extrapolation_value = 0;
  std::string keep_aspect_ratio_policy = "stretch";
  std::string mode = "nearest";
  std::string nearest_mode = "round_prefer_floor";
  static constexpr auto kFields =
      std::tuple{Field{"antialias", &Resize::antialias},
                 Field{"axes", &Resize::axes},
                 Field{"coordinate_transformation_mode", &Resize::coordinate_transformation_mode},
                 Field{"cubic_coeff_a", &Resize::cubic_coeff_a},
                 Field{"exclude_outside", &Resize::exclude_outside},
                 Field{"extrapolation_value", &Resize::extrapolation_value},
                 Field{"keep_aspect_ratio_policy", &Resize::keep_aspect_ratio_policy},
                 Field{"mode", &Resize::mode},
                 Field{"nearest_mode", &Resize::nearest_mode}};
  bool operator==(const Resize&) const = default;
  std::vector<TensorType> infer(Arguments arguments) const;
  std::vector<Tensor> reference(std::span<const Tensor> inputs) const;

  /// One input position with its share in an output position.
  struct Tap {
    int64_t index;
    double weight;
  };
  /// One axis: the taps of each output position, none where extrapolation_value stands.
  struct Axis {
    int64_t input;
    std::vector<std::vector<Tap>> taps;
    bool changes() const;
  };
  /// All axes. `roi`, `scales` and `sizes` are null where they are left out.
  std::vector<Axis> resized_axes(const Shape& shape, const Tensor* roi, const Tensor* scales,
                                 const Tensor* sizes) const;
};
static_assert(Operator<Resize>);

}  // namespace tendon
