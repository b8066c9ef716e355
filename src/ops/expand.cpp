#include "ops/expand.h"

#include "ops/elements.h"

namespace tendon {

std::vector<TensorType> Expand::infer(Arguments arguments) const {
  const TensorType& input = require_input(arguments, 0, "input").type;
  return {{input.dtype, broadcast(input.shape, Shape(require_int64s(arguments, 1, "shape")))}};
}

std::vector<Tensor> Expand::reference(std::span<const Tensor> inputs) const {
  const Shape shape = broadcast(inputs[0].shape(), Shape(to_int64s(inputs[1])));
  return {copy_strided(inputs[0], shape, broadcast_strides(inputs[0].shape(), shape))};
}

}  // namespace tendon
