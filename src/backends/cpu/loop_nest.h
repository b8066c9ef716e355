// Nested loops over dense or broadcast operands, with as few loops as the strides allow.
#pragma once

#include <array>
#include <span>

#include "ops/broadcast.h"

namespace tendon::cpu {

/// The loops over one output; operand k steps by strides[k][axis] elements on each axis. The last
/// axis is the inner loop, the others make up the rows.
template <size_t kOperands>
struct LoopNest {
  static constexpr int kMaxRank = 2 * Shape::kMaxRank + 1;
  using Axes = std::array<int64_t, kMaxRank>;

  int rank = 0;
  Axes dims{};
  std::array<Axes, kOperands> strides{};

  /// Appends an axis inside all others: merged with the last where one loop can do both, dropped
  /// where its size is 1.
  void push_axis(int64_t dim, const std::array<int64_t, kOperands>& steps) {
    if (dim == 1) return;
    const auto last = static_cast<size_t>(rank - 1);
    bool mergeable = rank > 0;
    for (size_t k = 0; mergeable && k < kOperands; ++k) {
      mergeable = strides[k][last] == steps[k] * dim;
    }
    const size_t axis = mergeable ? last : static_cast<size_t>(rank++);
    dims[axis] = mergeable ? dims[axis] * dim : dim;
    for (size_t k = 0; k < kOperands; ++k) strides[k][axis] = steps[k];
  }
  /// To be called once all axes are there, so that an inner loop always exists.
  void finish() {
    if (rank == 0) dims[static_cast<size_t>(rank++)] = 1;
  }

  /// Instead of finish(): every axis so far becomes part of the rows.
  void finish_as_rows() { dims[static_cast<size_t>(rank++)] = 1; }

  int64_t inner() const { return dims[static_cast<size_t>(rank - 1)]; }
  int64_t inner_stride(size_t operand) const {
    return strides[operand][static_cast<size_t>(rank - 1)];
  }
  int64_t rows() const {
    int64_t product = 1;
    for (int axis = 0; axis + 1 < rank; ++axis) product *= dims[static_cast<size_t>(axis)];
    return product;
  }

  /// visit(row, offsets) for the rows [begin, end), offsets in elements.
  template <class Visit>
  void for_rows(int64_t begin, int64_t end, const Visit& visit) const {
    Axes position{};
    std::array<int64_t, kOperands> offsets{};
    int64_t rest = begin;
    for (int i = rank - 2; i >= 0; --i) {
      const auto axis = static_cast<size_t>(i);
      position[axis] = rest % dims[axis];
      rest /= dims[axis];
      for (size_t k = 0; k < kOperands; ++k) offsets[k] += position[axis] * strides[k][axis];
    }
    for (int64_t row = begin; row < end; ++row) {
      visit(row, offsets);
      for (int i = rank - 2; i >= 0; --i) {
        const auto axis = static_cast<size_t>(i);
        for (size_t k = 0; k < kOperands; ++k) offsets[k] += strides[k][axis];
        if (++position[axis] < dims[axis]) break;
        for (size_t k = 0; k < kOperands; ++k) offsets[k] -= strides[k][axis] * dims[axis];
        position[axis] = 0;
      }
    }
  }
};

/// The loops of an elementwise operator: each operand read as if it had the output's shape.
template <size_t kOperands>
LoopNest<kOperands> broadcast_loops(const Shape& output,
                                    const std::array<Shape, kOperands>& operands) {
  std::array<std::array<int64_t, Shape::kMaxRank>, kOperands> strides;
  for (size_t k = 0; k < kOperands; ++k) strides[k] = broadcast_strides(operands[k], output);
  LoopNest<kOperands> nest;
  for (int axis = 0; axis < output.rank(); ++axis) {
    std::array<int64_t, kOperands> steps;
    for (size_t k = 0; k < kOperands; ++k) steps[k] = strides[k][static_cast<size_t>(axis)];
    nest.push_axis(output[axis], steps);
  }
  nest.finish();
  return nest;
}

}  // namespace tendon::cpu
