#include "ops/shape_of.h"

#include <algorithm>

namespace tendon {

std::vector<int64_t> ShapeOf::selected(const Shape& shape) const {
  const int64_t rank = shape.rank();
  const auto clamp = [&](int64_t index) {
    return std::clamp<int64_t>(index < 0 ? index + rank : index, 0, rank);
  };
  std::vector<int64_t> dims;
  for (int64_t i = clamp(start); i < clamp(end); ++i) dims.push_back(shape[static_cast<int>(i)]);
  return dims;
}

std::vector<TensorType> ShapeOf::infer(Arguments arguments) const {
  const auto dims = selected(require_input(arguments, 0, "data").type.shape);
  return {{DataType::kInt64, Shape{static_cast<int64_t>(dims.size())}}};
}

std::vector<Tensor> ShapeOf::value_from_types(Arguments arguments) const {
  const auto dims = selected(arguments[0].type.shape);
  return {Tensor::from<int64_t>(Shape{static_cast<int64_t>(dims.size())}, dims)};
}

std::vector<Tensor> ShapeOf::reference(std::span<const Tensor> inputs) const {
  const auto dims = selected(inputs[0].shape());
  return {Tensor::from<int64_t>(Shape{static_cast<int64_t>(dims.size())}, dims)};
}

}  // namespace tendon
