// ONNX's multidirectional broadcasting.
#pragma once

#include <array>
#include <span>

#include "base/format.h"

namespace tendon {

/// Steps in elements, one an axis.
using Strides = std::array<int64_t, Shape::kMaxRank>;

/// The common shape of all. Throws Error{kBadInput} with both shapes where they do not fit.
Shape broadcast(std::span<const Shape> shapes);
Shape broadcast(const Shape& a, const Shape& b);

/// Element strides with which a tensor of `shape` is read as if it had shape `output`: 0 on
/// broadcast axes, aligned at the last axis.
Strides broadcast_strides(const Shape& shape, const Shape& output);

/// Row-major strides in elements.
Strides row_major_strides(const Shape& shape);

/// Calls visit(index, offsets) for each element of `output` in row-major order; offsets[i] is the
/// element offset into an operand read with strides[i].
template <size_t kOperands, class Visit>
void for_each_broadcast(const Shape& output, const std::array<Strides, kOperands>& strides,
                        Visit&& visit) {
  const int64_t count = output.element_count();
  std::array<int64_t, Shape::kMaxRank> position{};
  std::array<int64_t, kOperands> offsets{};
  for (int64_t index = 0; index < count; ++index) {
    visit(index, offsets);
    for (int axis = output.rank() - 1; axis >= 0; --axis) {
      const auto a = static_cast<size_t>(axis);
      for (size_t i = 0; i < kOperands; ++i) offsets[i] += strides[i][a];
      if (++position[a] < output[axis]) break;
      for (size_t i = 0; i < kOperands; ++i) offsets[i] -= strides[i][a] * output[axis];
      position[a] = 0;
    }
  }
}

}  // namespace tendon
