#include "ops/gather.h"

#include "ops/checks.h"
#include "ops/elements.h"
#include "ops/indexing.h"

namespace tendon {
Shape Gather::result_shape(const Shape& data, const Shape& indices) const {
  const int along = normalize_axis(axis, data.rank());
  Shape shape;
  for (int i = 0; i < along; ++i) shape.push_back(data[i]);
  for (const int64_t dim : indices) shape.push_back(dim);
  for (int i = along + 1; i < data.rank(); ++i) shape.push_back(data[i]);
  return shape;
}

std::vector<TensorType> Gather::infer(Arguments arguments) const {
  const Argument& data = require_input(arguments, 0, "data");
  const Argument& indices = require_indices(arguments, 1);
  const Shape shape = result_shape(data.type.shape, indices.type.shape);
  if (indices.value != nullptr) {
    const int64_t count = data.type.shape[normalize_axis(axis, data.type.shape.rank())];
    for (const int64_t index : to_int64s(*indices.value)) normalize_index(index, count);
  }
  return {{data.type.dtype, shape}};
}

std::vector<Tensor> Gather::reference(std::span<const Tensor> inputs) const {
  const Tensor& data = inputs[0];
  const std::vector<int64_t> indices = to_int64s(inputs[1]);
  Tensor result(data.dtype(), result_shape(data.shape(), inputs[1].shape()));
  const AxisSplit split = split_at(data.shape(), normalize_axis(axis, data.rank()));
  const size_t width = static_cast<size_t>(split.inner) * size_of(data.dtype());
  const auto* from = static_cast<const std::byte*>(data.raw());
  auto* to = static_cast<std::byte*>(result.mutable_raw());
  for (int64_t outer = 0; outer < split.outer; ++outer) {
    for (const int64_t index : indices) {
      const int64_t chosen = outer * split.count + normalize_index(index, split.count);
      std::memcpy(to, from + static_cast<size_t>(chosen) * width, width);
      to += width;
    }
  }
  return {result};
}

}  // namespace tendon
