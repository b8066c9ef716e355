#include "ops/softmax.h"

#include <algorithm>
#include <cmath>

#include "ops/checks.h"

namespace tendon {

std::vector<TensorType> Softmax::infer(Arguments arguments) const {
  const Argument& input = require_floating(arguments, 0, "input");
  normalize_axis(axis, input.type.shape.rank());
  return {input.type};
}

std::vector<Tensor> Softmax::reference(std::span<const Tensor> inputs) const {
  const Shape& shape = inputs[0].shape();
  const int along = normalize_axis(axis, shape.rank());
  std::vector<double> values = to_doubles(inputs[0]);
  int64_t inner = 1;
  for (int i = along + 1; i < shape.rank(); ++i) inner *= shape[i];
  const int64_t count = shape[along];
  const int64_t outer = count * inner == 0 ? 0 : shape.element_count() / (count * inner);
  for (int64_t o = 0; o < outer; ++o) {
    for (int64_t i = 0; i < inner; ++i) {
      double* row = values.data() + o * count * inner + i;
      double largest = row[0];
      for (int64_t k = 0; k < count; ++k) largest = std::max(largest, row[k * inner]);
      double sum = 0;
      for (int64_t k = 0; k < count; ++k) {
        row[k * inner] = std::exp(row[k * inner] - largest);
        sum += row[k * inner];
      }
      for (int64_t k = 0; k < count; ++k) row[k * inner] /= sum;
    }
  }
  return {cast(Tensor::from<double>(shape, values), inputs[0].dtype())};
}

}  // namespace tendon
