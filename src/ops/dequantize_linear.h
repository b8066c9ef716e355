// DequantizeLinear: (x - zero_point) * scale, by tensor or by axis.
#pragma once

#include "ops/op.h"

namespace tendon {

/// Inputs x, x_scale (a scalar or one for each index of `axis`), x_zero_point? (of its shape). The
/// result has the scale's type.
struct DequantizeLinear : SingleType<DequantizeLinear> {
  static constexpr std::string_view kOnnxType = "DequantizeLinear";
  int64_t axis = 1;
  /// Refused unless 0.
  int64_t block_size = 0;
  static constexpr auto kFields = std::tuple{Field{"axis", &DequantizeLinear::axis},
                                             Field{"block_size", &DequantizeLinear::block_size}};
  bool operator==(const DequantizeLinear&) const = default;
  std::vector<TensorType> infer(Arguments arguments) const;
  std::vector<Tensor> reference(std::span<const Tensor> inputs) const;
};
static_assert(Operator<DequantizeLinear>);

}  // namespace tendon
