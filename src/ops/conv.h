// Conv: grouped convolution over 1 to 3 spatial axes, with an optional bias.
#pragma once

#include <array>

#include "ops/window.h"

namespace tendon {

struct Conv : SingleType<Conv>, WindowAttributes {
  static constexpr std::string_view kOnnxType = "Conv";
  int64_t group = 1;
  static constexpr auto kFields =
      std::tuple_cat(kWindowFields, std::tuple{Field{"group", &Conv::group}});
  bool operator==(const Conv&) const = default;
  std::vector<TensorType> infer(Arguments arguments) const;
  std::vector<Tensor> reference(std::span<const Tensor> inputs) const;

  /// The spatial axes for an input [N,C,…] and a weight [M,C/group,…].
  std::vector<WindowAxis> axes(const Shape& input, const Shape& weight) const;
};
static_assert(Operator<Conv>);

/// y += one channel of one image convolved with one kernel, as the axes say.
void add_convolved(const std::array<WindowAxis, 3>& axes, const double* x, const double* w,
                   double* y);

}  // namespace tendon
