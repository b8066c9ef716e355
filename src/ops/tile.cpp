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
  const Shape& input = inputs[0].shape();
  Shape shape;
  for (const int64_t repeat : to_int64s(inputs[1])) {
    shape.push_back(checked_product(input[shape.rank()], repeat));
  }
  return {select(inputs[0], shape, [&](int axis, int64_t i) { return i % input[axis]; })};
}

}  // namespace tendon
