#include "ops/layer_normalization.h"

#include <cmath>

#include "ops/broadcast.h"
#include "ops/checks.h"
#include "ops/onnx_type.h"
#include "ops/wide.h"

namespace tendon {
namespace {

Shape statistics_shape(const Shape& shape, int axis) {
  Shape result = shape;
  for (int i = axis; i < shape.rank(); ++i) result[i] = 1;
  return result;
}

}  // namespace

std::vector<TensorType> LayerNormalization::infer(Arguments arguments) const {
  const Argument& x = require_floating(arguments, 0, "X");
  const Shape& shape = x.type.shape;
  const int first = normalize_axis(axis, shape.rank());
  require_broadcastable(require_type(arguments, 1, "Scale", x.type.dtype), "Scale", shape);
  if (has_input(arguments, 2)) {
    require_broadcastable(require_type(arguments, 2, "B", x.type.dtype), "B", shape);
  }
  const TensorType statistics{data_type_from_onnx(stash_type), statistics_shape(shape, first)};
  return {x.type, statistics, statistics};
}

std::vector<Tensor> LayerNormalization::reference(std::span<const Tensor> inputs) const {
  const Shape& shape = inputs[0].shape();
  const Shape groups = statistics_shape(shape, normalize_axis(axis, shape.rank()));
  const int64_t group_count = groups.element_count();
  const int64_t width = group_count == 0 ? 0 : shape.element_count() / group_count;
  std::vector<double> values = to_doubles(inputs[0]);
  Tensor means(DataType::kFloat64, groups);
  Tensor inverse_deviations(DataType::kFloat64, groups);
  double* mean_of = means.mutable_data<double>().data();
  double* inverse_of = inverse_deviations.mutable_data<double>().data();
  for (int64_t group = 0; group < group_count; ++group) {
    double* row = values.data() + group * width;
    double sum = 0;
    for (int64_t i = 0; i < width; ++i) sum += row[i];
    const double mean = sum / static_cast<double>(width);
    double squares = 0;
    for (int64_t i = 0; i < width; ++i) squares += (row[i] - mean) * (row[i] - mean);
    const double inverse = 1.0 / std::sqrt(squares / static_cast<double>(width) + epsilon);
    for (int64_t i = 0; i < width; ++i) row[i] = (row[i] - mean) * inverse;
    mean_of[group] = mean;
    inverse_of[group] = inverse;
  }
  const Widened<double> scale(inputs[1]);
  for_each_broadcast<1>(shape, {broadcast_strides(inputs[1].shape(), shape)},
                        [&](int64_t i, const auto& offsets) { values[i] *= scale[offsets[0]]; });
  if (has_input(inputs, 2)) {
    const Widened<double> bias(inputs[2]);
    for_each_broadcast<1>(shape, {broadcast_strides(inputs[2].shape(), shape)},
                          [&](int64_t i, const auto& offsets) { values[i] += bias[offsets[0]]; });
  }
  const DataType stash = data_type_from_onnx(stash_type);
  return {cast(Tensor::from<double>(shape, values), inputs[0].dtype()), cast(means, stash),
          cast(inverse_deviations, stash)};
}

}  // namespace tendon
