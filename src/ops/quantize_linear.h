// QuantizeLinear: saturate(round(x / scale) + zero_point), ties to even, by tensor or by axis.
#pragma once

#include "ops/op.h"

namespace tendon {

/// Inputs x, y_scale (a scalar or one for each index of `axis`), y_zero_point? (of its shape).
struct QuantizeLinear : SingleType<QuantizeLinear> {
  static constexpr std::string_view kOnnxType = "QuantizeLinear";
  int64_t axis = 1;
  /// Refused unless 0.
  int64_t block_size = 0;
  /// ONNX's number of the result's type, 0 for the zero point's, or uint8 without one.
  int64_t output_dtype = 0;
  /// Matters for float8 results only, which Tendon lacks.
  bool saturate = true;
  static constexpr auto kFields = std::tuple{Field{"axis", &QuantizeLinear::axis},
                                             Field{"block_size", &QuantizeLinear::block_size},
                                             Field{"output_dtype", &QuantizeLinear::output_dtype},
                                             Field{"saturate", &QuantizeLinear::saturate}};
  bool operator==(const QuantizeLinear&) const = default;
  std::vector<TensorType> infer(Arguments arguments) const;
  std::vector<Tensor> reference(std::span<const Tensor> inputs) const;
};
static_assert(Operator<QuantizeLinear>);

}  // namespace tendon
