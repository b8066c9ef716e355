#include "ops/quantized_conv.h"

#include "ops/checks.h"
#include "ops/quantized_inputs.h"

namespace tendon {

FusedConv QuantizedConv::plain() const {
  return {{}, static_cast<const WindowAttributes&>(*this), group, Activation::kNone, channels_last};
}

std::vector<TensorType> QuantizedConv::infer(Arguments arguments) const {
  require_known(activation);
  require_output_format(y_dtype, y_scale);
  const Argument& w = require_quantized_operands(arguments);
  std::vector<Argument> floats(arguments.begin(), arguments.begin() + 2);
  for (Argument& argument : floats) argument.type.dtype = DataType::kFloat32;
  const Shape y = plain().infer(floats)[0].shape;
  require_epilogue(arguments, w.type.shape[0], y);
  if (has_input(arguments, 3)) require_shape(arguments[3], "B", Shape{w.type.shape[0]});
  return {{y_dtype, y}};
}

std::vector<Tensor> QuantizedConv::reference(std::span<const Tensor> inputs) const {
  const Tensor wide[] = {cast(inputs[0], DataType::kFloat64), cast(inputs[1], DataType::kFloat64)};
  const Tensor sums = plain().reference(wide)[0];
  const int64_t channels = inputs[1].shape()[0];
  int64_t points = 1;
  if (!channels_last) {
    for (int axis = 2; axis < sums.rank(); ++axis) points *= sums.shape()[axis];
  }
  return {epilogue_of_sums(*this, inputs, sums, [&](int64_t i) { return i / points % channels; })};
}

}  // namespace tendon
