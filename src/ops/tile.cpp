#include "ops/tile.h"

#include "ops/checks.h"
#include "ops/elements.h"

namespace tendon {

std::vector<TensorType> Tile::infer(Arguments arguments) const {
  const TensorType& input = require_input(arguments, 0, "input").type;
  const std::vector<int64_t> repeats = require_int64s(arguments, 1, "repeats");
  if (repeats.size() != static_cast<size_t>(input.shape.rank())) {
    fail_input("'repeats' has {} elements, expected one for each dimension of {}", repeats.size(),
               input.shape);
  }
  Shape shape;
  for (size_t i = 0; i < repeats.size(); ++i) {
    if (repeats[i] < 0) fail_input("'repeats' holds {}, expected >= 0", repeats[i]);
    shape.push_back(checked_product(input.shape[static_cast<int>(i)], repeats[i]));
  }
  return {{input.dtype, shape}};
}

std::vector<Tensor> Tile::reference(std::span<const Tensor> inputs) const {
  const std::vector<int64_t> repeats = to_int64s(inputs[1]);
  std::vector<std::vector<int64_t>> indices(repeats.size());
  for (size_t axis = 0; axis < repeats.size(); ++axis) {
    const int64_t dim = inputs[0].shape()[static_cast<int>(axis)];
    for (int64_t i = 0; i < dim * repeats[axis]; ++i) indices[axis].push_back(i % dim);
  }
  return {select(inputs[0], indices)};
}

}  // namespace tendon
