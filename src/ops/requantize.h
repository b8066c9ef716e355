// How quantized operators write their result: as floats, or rounded to 8 bits.
#pragma once

#include <span>

#include "ops/op.h"

namespace tendon {

/// Throws Error{kBadInput} unless `type` is float32, float16, bfloat16, int8 or uint8 and `scale`
/// fits it.
void require_output_format(DataType type, float scale);

/// The smallest and largest code of int8 or uint8.
struct CodeRange {
  double low;
  double high;
};
CodeRange code_range(DataType type);

/// saturate(round(v / scale)) to `type`, ties to even; for floats the values themselves. NaN
/// becomes code 0.
Tensor requantized(std::span<const double> values, const Shape& shape, DataType type, float scale);

}  // namespace tendon
