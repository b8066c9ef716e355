// GridSample: an image read at the coordinates that a grid holds.
#pragma once

#include "ops/op.h"

namespace tendon {

/// Inputs X [N,C,spatial…] and grid [N,out…,spatial axes], whose last axis names the innermost
/// spatial axis first, from -1 to 1; 1 to 3 spatial axes.
struct GridSample : SingleType<GridSample> {
  static constexpr std::string_view kOnnxType = "GridSample";
  bool align_corners = false;
  /// linear, nearest or cubic; before opset 20 bilinear and bicubic.
  std::string mode = "linear";
  /// zeros, border or reflection.
  std::string padding_mode = "zeros";
  static constexpr auto kFields = std::tuple{Field{"align_corners", &GridSample::align_corners},
                                             Field{"mode", &GridSample::mode},
                                             Field{"padding_mode", &GridSample::padding_mode}};
  bool operator==(const GridSample&) const = default;
  std::vector<TensorType> infer(Arguments arguments) const;
  std::vector<Tensor> reference(std::span<const Tensor> inputs) const;
};
static_assert(Operator<GridSample>);

}  // namespace tendon
