// Moving elements without looking at their values: what the references of shape operators do.
#pragma once

#include <cstring>

#include "ops/broadcast.h"

namespace tendon {

/// function(unsigned integer as wide as an element of `type`).
template <class Function>
decltype(auto) visit_width(DataType type, Function&& function) {
  switch (size_of(type)) {
    case 1: return function(uint8_t{});
    case 2: return function(uint16_t{});
    case 4: return function(uint32_t{});
    default: return function(uint64_t{});
  }
}

/// A dense tensor of shape `output` that reads `source` at offset + sum(position * strides).
Tensor copy_strided(const Tensor& source, const Shape& output, const Strides& strides,
                    int64_t offset = 0);

/// The tensor that holds at (i, j, …) the element of `source` at (indices[0][i], indices[1][j], …),
/// and the one element of `fill` (zero if undefined) where any of these indices is -1.
Tensor select(const Tensor& source, std::span<const std::vector<int64_t>> indices,
              const Tensor& fill = {});

/// How a shape splits around an axis: elements are at (outer * count + k) * inner + i.
struct AxisSplit {
  int64_t outer = 1;
  int64_t count = 1;
  int64_t inner = 1;
};
AxisSplit split_at(const Shape& shape, int axis);

}  // namespace tendon
