// Moving elements without looking at their values: what the references of shape operators do.
#pragma once

#include <cstring>
#include <functional>

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

/// The tensor of shape `output` that holds at (i, j, …) the element of `source` at
/// (origin(0, i), origin(1, j), …), and the one element of `fill` (zero if undefined) where any of
/// these is -1. `source` has as many axes as `output`.
Tensor select(const Tensor& source, const Shape& output,
              const std::function<int64_t(int axis, int64_t index)>& origin,
              const Tensor& fill = {});

/// How a shape splits around an axis: elements are at (outer * count + k) * inner + i.
struct AxisSplit {
  int64_t outer = 1;
  int64_t count = 1;
  int64_t inner = 1;
};
AxisSplit split_at(const Shape& shape, int axis);

}  // namespace tendon
