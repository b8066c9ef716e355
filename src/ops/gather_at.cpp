#include "ops/gather_at.h"

#include "ops/elements.h"
#include "ops/indexing.h"

namespace tendon {

GatherAt GatherAt::from_onnx(const OnnxNode& node) {
  if (node.type == "GatherElements") {
    return {GatherAtKind::kElements, node.get<int64_t>("axis", 0), 0};
  }
  return {GatherAtKind::kNd, 0, node.get<int64_t>("batch_dims", 0)};
}

Attributes GatherAt::attributes() const {
  if (kind == GatherAtKind::kElements) return {{"axis", axis}};
  return {{"batch_dims", batch_dims}};
}

Shape GatherAt::result_shape(const Shape& data, const Shape& indices) const {
  if (kind == GatherAtKind::kElements) {
    check_element_indices(data, indices, normalize_axis(axis, data.rank()));
    return indices;
  }
  const Shape slice = check_slice_indices(data, indices, batch_dims);
  Shape shape;
  for (int i = 0; i + 1 < indices.rank(); ++i) shape.push_back(indices[i]);
  for (const int64_t dim : slice) shape.push_back(dim);
  return shape;
}

std::vector<TensorType> GatherAt::infer(Arguments arguments) const {
  const TensorType& data = require_input(arguments, 0, "data").type;
  return {{data.dtype, result_shape(data.shape, require_indices(arguments, 1).type.shape)}};
}

std::vector<Tensor> GatherAt::reference(std::span<const Tensor> inputs) const {
  const Tensor& data = inputs[0];
  Tensor result(data.dtype(), result_shape(data.shape(), inputs[1].shape()));
  const size_t width = size_of(data.dtype());
  const auto* from = static_cast<const std::byte*>(data.raw());
  auto* to = static_cast<std::byte*>(result.mutable_raw());
  if (kind == GatherAtKind::kElements) {
    for_each_element_index(inputs[1], data.shape(), normalize_axis(axis, data.rank()),
                           [&](int64_t i, int64_t offset) {
                             std::memcpy(to + static_cast<size_t>(i) * width,
                                         from + static_cast<size_t>(offset) * width, width);
                           });
    return {result};
  }
  if (result.size() == 0) return {result};
  const Shape slice = check_slice_indices(data.shape(), inputs[1].shape(), batch_dims);
  const size_t bytes = static_cast<size_t>(slice.element_count()) * width;
  for_each_slice_index(inputs[1], data.shape(), batch_dims, [&](int64_t i, int64_t offset) {
    std::memcpy(to + static_cast<size_t>(i) * bytes, from + static_cast<size_t>(offset) * width,
                bytes);
  });
  return {result};
}

}  // namespace tendon
