#include "ops/pad.h"

#include <algorithm>

#include "ops/checks.h"
#include "ops/elements.h"

namespace tendon {
namespace {

struct AxisPads {
  int64_t begin = 0;
  int64_t end = 0;
};

std::vector<AxisPads> pads_by_axis(std::span<const int64_t> pads, const std::vector<int64_t>* axes,
                                   int rank) {
  std::vector<AxisPads> result(static_cast<size_t>(rank));
  const size_t count = axes == nullptr ? result.size() : axes->size();
  if (pads.size() != 2 * count) {
    fail_input("'pads' has {} elements, expected two for each of {} axes", pads.size(), count);
  }
  if (axes != nullptr) normalize_axes(*axes, rank);
  for (size_t i = 0; i < count; ++i) {
    const int axis = axes == nullptr ? static_cast<int>(i) : normalize_axis((*axes)[i], rank);
    result[static_cast<size_t>(axis)] = {pads[i], pads[i + count]};
  }
  return result;
}

Shape padded(const Shape& shape, std::span<const AxisPads> pads) {
  Shape result;
  for (const AxisPads& pad : pads) {
    const int64_t dim = shape[result.rank()];
    const int64_t size = checked_sum(checked_sum(dim, pad.begin), pad.end);
    if (size < 0) {
      fail_input("pads {} and {} take more than the {} elements of axis {}", pad.begin, pad.end,
                 dim, result.rank());
    }
    result.push_back(size);
  }
  return result;
}

/// Where the element at `i`, which may lie outside [0, dim), comes from; -1 means the constant.
int64_t origin(std::string_view mode, int64_t i, int64_t dim) {
  if (i >= 0 && i < dim) return i;
  if (mode == "constant") return -1;
  if (mode == "edge") return std::clamp<int64_t>(i, 0, dim - 1);
  const int64_t period = mode == "wrap" ? dim : std::max<int64_t>(2 * (dim - 1), 1);
  const int64_t place = (i % period + period) % period;
  return place < dim ? place : period - place;
}

}  // namespace

std::vector<TensorType> Pad::infer(Arguments arguments) const {
  const TensorType& data = require_input(arguments, 0, "data").type;
  if (mode != "constant" && mode != "edge" && mode != "reflect" && mode != "wrap") {
    fail_input("attribute 'mode' is '{}', expected constant, edge, reflect or wrap", mode);
  }
  if (has_input(arguments, 2)) {
    const TensorType& fill = require_type(arguments, 2, "constant_value", data.dtype).type;
    if (fill.shape.element_count() != 1) {
      fail_input("'constant_value' has shape {}, expected a scalar", fill.shape);
    }
  }
  std::vector<int64_t> axes;
  if (has_input(arguments, 3)) axes = require_int64s(arguments, 3, "axes");
  const auto pads = pads_by_axis(require_int64s(arguments, 1, "pads"),
                                 has_input(arguments, 3) ? &axes : nullptr, data.shape.rank());
  const Shape shape = padded(data.shape, pads);
  if (mode != "constant" && data.shape.element_count() == 0 && shape.element_count() != 0) {
    fail_input("mode '{}' has no elements of {} to repeat", mode, data.shape);
  }
  return {{data.dtype, shape}};
}

std::vector<std::vector<int64_t>> Pad::origins(const Shape& shape, const Tensor& pads,
                                               const Tensor* axes) const {
  std::vector<int64_t> padded_axes;
  if (axes != nullptr) padded_axes = to_int64s(*axes);
  const auto by_axis =
      pads_by_axis(to_int64s(pads), axes == nullptr ? nullptr : &padded_axes, shape.rank());
  const Shape result = padded(shape, by_axis);
  std::vector<std::vector<int64_t>> origins;
  for (int axis = 0; axis < shape.rank(); ++axis) {
    std::vector<int64_t>& places = origins.emplace_back();
    for (int64_t i = 0; i < result[axis]; ++i) {
      places.push_back(origin(mode, i - by_axis[static_cast<size_t>(axis)].begin, shape[axis]));
    }
  }
  return origins;
}

std::vector<Tensor> Pad::reference(std::span<const Tensor> inputs) const {
  const Shape& shape = inputs[0].shape();
  std::vector<int64_t> axes;
  if (has_input(inputs, 3)) axes = to_int64s(inputs[3]);
  const Shape result = padded(
      shape,
      pads_by_axis(to_int64s(inputs[1]), has_input(inputs, 3) ? &axes : nullptr, shape.rank()));
  // An axis may be of any length where another is empty, and has then nothing to repeat.
  if (result.element_count() == 0) return {Tensor(inputs[0].dtype(), result)};
  const auto places = origins(shape, inputs[1], has_input(inputs, 3) ? &inputs[3] : nullptr);
  const auto from = [&](int axis, int64_t i) {
    return places[static_cast<size_t>(axis)][static_cast<size_t>(i)];
  };
  return {select(inputs[0], result, from, has_input(inputs, 2) ? inputs[2] : Tensor())};
}

}  // namespace tendon
