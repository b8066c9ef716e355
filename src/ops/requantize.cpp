#include "ops/requantize.h"

#include <algorithm>
#include <cmath>

#include "base/data_type.h"
#include "ops/wide.h"

namespace tendon {

void require_output_format(DataType type, float scale) {
  if (type != DataType::kFloat32 && type != DataType::kFloat16 && type != DataType::kBFloat16 &&
      type != DataType::kInt8 && type != DataType::kUInt8) {
    fail_input("the output type is {}, expected float32, float16, bfloat16, int8 or uint8", type);
  }
  if (!std::isnormal(scale) || scale <= 0) {
    fail_input("the output scale is {}, expected a positive normal number", scale);
  }
}

CodeRange code_range(DataType type) {
  return type == DataType::kUInt8 ? CodeRange{0, 255} : CodeRange{-128, 127};
}

Tensor requantized(std::span<const double> values, const Shape& shape, DataType type, float scale) {
  if (is_floating(type)) {
    return cast(Tensor::from<double>(shape, values), type);
  }
  const CodeRange range = code_range(type);
  return narrowed<double>(type, shape, [&](double* y) {
    for (size_t i = 0; i < values.size(); ++i) {
      const double code = std::nearbyint(values[i] / static_cast<double>(scale));
      y[i] = std::isnan(code) ? 0.0 : std::clamp(code, range.low, range.high);
    }
  });
}

}  // namespace tendon
