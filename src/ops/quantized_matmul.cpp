#include "ops/quantized_matmul.h"

#include "ops/checks.h"
#include "ops/quantized_inputs.h"

namespace tendon {

std::vector<TensorType> QuantizedMatMul::infer(Arguments arguments) const {
  require_known(activation);
  require_output_format(y_dtype, y_scale);
  require_rank(require_quantized_operands(arguments), "B", 2);
  const Shape y = plain().output_shape(arguments[0].type.shape, arguments[1].type.shape);
  require_epilogue(arguments, y.back(), y);
  if (has_input(arguments, 3)) require_broadcastable(arguments[3], "bias", y);
  return {{y_dtype, y}};
}

std::vector<Tensor> QuantizedMatMul::reference(std::span<const Tensor> inputs) const {
  const Tensor wide[] = {cast(inputs[0], DataType::kFloat64), cast(inputs[1], DataType::kFloat64)};
  const Tensor sums = plain().reference(wide)[0];
  const int64_t columns = sums.shape().back();
  return {epilogue_of_sums(*this, inputs, sums, [&](int64_t i) { return i % columns; })};
}

}  // namespace tendon
