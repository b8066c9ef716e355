#include "ops/reshape.h"

namespace tendon {

Shape Reshape::target(const Shape& input, std::span<const int64_t> wanted) const {
  Shape shape;
  int inferred = -1;
  int64_t known = 1;
  for (size_t i = 0; i < wanted.size(); ++i) {
    int64_t dim = wanted[i];
    if (dim == 0 && !allowzero) {
      if (static_cast<int>(i) >= input.rank()) {
        fail_input("shape {} copies dimension {}, which input {} lacks", wanted, i, input);
      }
      dim = input[static_cast<int>(i)];
    }
    if (dim == -1) {
      if (inferred >= 0) fail_input("shape {} leaves two dimensions open", wanted);
      inferred = static_cast<int>(i);
      dim = 1;
    }
    shape.push_back(dim);
    if (__builtin_mul_overflow(known, dim, &known)) fail_input("shape {} is too large", wanted);
  }
  const int64_t count = input.element_count();
  if (inferred >= 0) {
    if (known == 0 || count % known != 0) fail_input("{} cannot become {}", input, wanted);
    shape[inferred] = count / known;
  }
  if (shape.element_count() != count) {
    fail_input("{} with {} elements cannot become {} with {}", input, count, wanted,
               shape.element_count());
  }
  return shape;
}

std::vector<TensorType> Reshape::infer(Arguments arguments) const {
  const Argument& data = require_input(arguments, 0, "data");
  return {{data.type.dtype, target(data.type.shape, require_int64s(arguments, 1, "shape"))}};
}

std::vector<Tensor> Reshape::reference(std::span<const Tensor> inputs) const {
  return {inputs[0].reshaped(target(inputs[0].shape(), to_int64s(inputs[1])))};
}

}  // namespace tendon
