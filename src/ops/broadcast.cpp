#include "ops/broadcast.h"

#include <algorithm>

namespace tendon {

Shape broadcast(const Shape& a, const Shape& b) {
  const Shape both[] = {a, b};
  return broadcast(both);
}

Shape broadcast(std::span<const Shape> shapes) {
  int rank = 0;
  for (const Shape& shape : shapes) rank = std::max(rank, shape.rank());
  Shape result;
  for (int axis = 0; axis < rank; ++axis) {
    int64_t dim = 1;
    for (const Shape& shape : shapes) {
      const int own = axis - (rank - shape.rank());
      if (own < 0 || shape[own] == 1) continue;
      if (dim != 1 && dim != shape[own]) {
        fail_input("shapes {} do not broadcast together", fmt::join(shapes, " and "));
      }
      dim = shape[own];
    }
    result.push_back(dim);
  }
  return result;
}

Strides row_major_strides(const Shape& shape) {
  Strides strides{};
  int64_t step = 1;
  for (int axis = shape.rank() - 1; axis >= 0; --axis) {
    strides[static_cast<size_t>(axis)] = step;
    step *= shape[axis];
  }
  return strides;
}

Strides broadcast_strides(const Shape& shape, const Shape& output) {
  const auto own_strides = row_major_strides(shape);
  Strides strides{};
  const int shift = output.rank() - shape.rank();
  for (int axis = 0; axis < shape.rank(); ++axis) {
    if (shape[axis] != 1) {
      strides[static_cast<size_t>(axis + shift)] = own_strides[static_cast<size_t>(axis)];
    }
  }
  return strides;
}

}  // namespace tendon
