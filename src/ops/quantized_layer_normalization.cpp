#include "ops/quantized_layer_normalization.h"

#include "ops/checks.h"
#include "ops/wide.h"

namespace tendon {

std::vector<TensorType> QuantizedLayerNormalization::infer(Arguments arguments) const {
  const TensorType x = require_input(arguments, 0, "X").type;
  if (x.dtype != DataType::kFloat32 && x.dtype != DataType::kFloat16 &&
      x.dtype != DataType::kBFloat16) {
    fail_input("X is {}, expected float32, float16 or bfloat16", x.dtype);
  }
  require_output_format(y_dtype, y_scale);
  if (is_floating(y_dtype)) fail_input("the codes are {}, expected int8 or uint8", y_dtype);
  return {plain().infer(arguments)[0], {y_dtype, x.shape}};
}

std::vector<Tensor> QuantizedLayerNormalization::reference(std::span<const Tensor> inputs) const {
  const Tensor y = plain().reference(inputs)[0];
  return {y, requantized(to_doubles(y), y.shape(), y_dtype, y_scale)};
}

}  // namespace tendon
