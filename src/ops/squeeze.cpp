#include "ops/squeeze.h"

#include <algorithm>

#include "ops/checks.h"

namespace tendon {
namespace {

Shape squeezed(const Shape& input, std::span<const int64_t> wanted) {
  const std::vector<int> axes = normalize_axes(wanted, input.rank());
  Shape shape;
  for (int i = 0; i < input.rank(); ++i) {
    if (!std::ranges::binary_search(axes, i)) {
      shape.push_back(input[i]);
    } else if (input[i] != 1) {
      fail_input("axis {} of shape {} has size {}, expected 1", i, input, input[i]);
    }
  }
  return shape;
}

Shape squeezed(const Shape& input) {
  Shape shape;
  for (const int64_t dim : input) {
    if (dim != 1) shape.push_back(dim);
  }
  return shape;
}

}  // namespace

std::vector<TensorType> Squeeze::infer(Arguments arguments) const {
  const TensorType& data = require_input(arguments, 0, "data").type;
  if (!has_input(arguments, 1)) return {{data.dtype, squeezed(data.shape)}};
  return {{data.dtype, squeezed(data.shape, require_int64s(arguments, 1, "axes"))}};
}

std::vector<Tensor> Squeeze::reference(std::span<const Tensor> inputs) const {
  const Shape& shape = inputs[0].shape();
  return {inputs[0].reshaped(has_input(inputs, 1) ? squeezed(shape, to_int64s(inputs[1]))
                                                  : squeezed(shape))};
}

}  // namespace tendon
