#include "ops/indexing.h"

#include "ops/broadcast.h"

namespace tendon {

int64_t normalize_index(int64_t index, int64_t count) {
  if (index < -count || index >= count) {
    fail_input("index {} is outside [-{}, {})", index, count, count);
  }
  return index < 0 ? index + count : index;
}

const Argument& require_indices(Arguments arguments, size_t index) {
  const Argument& indices = require_input(arguments, index, "indices");
  if (indices.type.dtype != DataType::kInt32 && indices.type.dtype != DataType::kInt64) {
    fail_input("input {} ('indices') is {}, expected int32 or int64", index, indices.type.dtype);
  }
  return indices;
}

void check_element_indices(const Shape& data, const Shape& indices, int axis) {
  bool fits = data.rank() == indices.rank();
  for (int i = 0; fits && i < data.rank(); ++i) fits = i == axis || indices[i] <= data[i];
  if (!fits) {
    fail_input("'indices' has shape {}, expected at most that of data {} but for axis {}", indices,
               data, axis);
  }
}

void for_each_element_index(const Tensor& indices, const Shape& data, int axis,
                            const std::function<void(int64_t, int64_t)>& visit) {
  const std::vector<int64_t> places = to_int64s(indices);
  Strides strides = row_major_strides(data);
  const int64_t step = strides[static_cast<size_t>(axis)];
  strides[static_cast<size_t>(axis)] = 0;
  for_each_broadcast<1>(indices.shape(), {strides}, [&](int64_t i, const auto& offsets) {
    visit(i, offsets[0] + normalize_index(places[static_cast<size_t>(i)], data[axis]) * step);
  });
}

Shape check_slice_indices(const Shape& data, const Shape& indices, int64_t batch_dims) {
  if (indices.rank() == 0 || data.rank() == 0) {
    fail_input("data {} and indices {} need at least one axis", data, indices);
  }
  const int64_t batch_limit = std::min(data.rank(), indices.rank());
  if (batch_dims < 0 || batch_dims >= batch_limit) {
    fail_input("attribute 'batch_dims' is {}, expected 0 to {}", batch_dims, batch_limit - 1);
  }
  const int64_t depth = indices.back();
  if (depth < 1 || depth > data.rank() - batch_dims) {
    fail_input("indices {} name {} axes, but data {} has {} behind {} of the batch", indices, depth,
               data, data.rank() - batch_dims, batch_dims);
  }
  for (int i = 0; i < batch_dims; ++i) {
    if (data[i] != indices[i]) {
      fail_input("data {} and indices {} differ in axis {} of the batch", data, indices, i);
    }
  }
  return Shape(data.dims().subspan(static_cast<size_t>(batch_dims + depth)));
}

void for_each_slice_index(const Tensor& indices, const Shape& data, int64_t batch_dims,
                          const std::function<void(int64_t, int64_t)>& visit) {
  const std::vector<int64_t> places = to_int64s(indices);
  const Strides strides = row_major_strides(data);
  const int64_t depth = indices.shape().back();
  const int64_t rows = indices.size() / depth;
  int64_t batches = 1;
  for (int i = 0; i < batch_dims; ++i) batches *= data[i];
  const int64_t batch_step = batch_dims == 0 ? 0 : strides[static_cast<size_t>(batch_dims - 1)];
  for (int64_t row = 0; row < rows; ++row) {
    int64_t offset = row / (rows / batches) * batch_step;
    for (int64_t i = 0; i < depth; ++i) {
      const auto axis = static_cast<int>(batch_dims + i);
      offset += normalize_index(places[static_cast<size_t>(row * depth + i)], data[axis]) *
                strides[static_cast<size_t>(axis)];
    }
    visit(row, offset);
  }
}

}  // namespace tendon
