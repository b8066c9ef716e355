#include "ops/flatten.h"

#include "ops/checks.h"

namespace tendon {
namespace {

Shape flattened(const Shape& shape, int64_t axis) {
  const int rank = shape.rank();
  if (axis < -rank || axis > rank) {
    fail_input("axis {} is outside [-{}, {}]", axis, rank, rank);
  }
  const auto border = axis < 0 ? axis + rank : axis;
  int64_t sizes[] = {1, 1};
  for (int i = 0; i < rank; ++i) {
    int64_t& size = sizes[i < border ? 0 : 1];
    size = checked_product(size, shape[i]);
  }
  return {sizes[0], sizes[1]};
}

}  // namespace

std::vector<TensorType> Flatten::infer(Arguments arguments) const {
  const TensorType& input = require_input(arguments, 0, "input").type;
  return {{input.dtype, flattened(input.shape, axis)}};
}

std::vector<Tensor> Flatten::reference(std::span<const Tensor> inputs) const {
  return {inputs[0].reshaped(flattened(inputs[0].shape(), axis))};
}

}  // namespace tendon
