#include "ops/constant_of_shape.h"

#include "ops/elements.h"

namespace tendon {

std::vector<TensorType> ConstantOfShape::infer(Arguments arguments) const {
  if (!value.defined() || value.size() != 1) {
    fail_input("attribute 'value' has {} elements, expected one",
               value.defined() ? value.size() : 0);
  }
  return {{value.dtype(), Shape(require_int64s(arguments, 0, "input"))}};
}

std::vector<Tensor> ConstantOfShape::reference(std::span<const Tensor> inputs) const {
  return {copy_strided(value, Shape(to_int64s(inputs[0])), Strides{})};
}

}  // namespace tendon
