#include "ops/attention.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace tendon {

std::vector<TensorType> Attention::infer(Arguments arguments) const {
  const TensorType& q = require_input(arguments, 0, "q").type;
  const TensorType& k = require_input(arguments, 1, "k").type;
  const TensorType& v = require_input(arguments, 2, "v").type;
  const int batch_axis = sequence_first ? 1 : 0;
  const auto is_like_k = [&](const TensorType& type) {
    return type.shape.rank() == 3 && type.dtype == k.dtype &&
           type.shape[batch_axis] == k.shape[batch_axis];
  };
  const bool fits = is_like_k(k) && is_like_k(q) && is_like_k(v) &&
                    k.shape[1 - batch_axis] == v.shape[1 - batch_axis] &&
                    (width != 0 || (q.shape[2] == k.shape[2] && q.shape[2] == v.shape[2]));
  if (!fits) {
    fail_input("q, k and v are {}, {} and {}, expected q [{}, width] and k, v [{}, width]", q, k, v,
               sequence_first ? "Tq, batch" : "batch, Tq",
               sequence_first ? "Tk, batch" : "batch, Tk");
  }
  const int64_t columns = width_of(q.shape);
  if (num_heads < 1 || columns < 0 || columns % num_heads != 0) {
    fail_input("width {} cannot be shared by {} heads", columns, num_heads);
  }
  const auto require_columns = [&](const Shape& shape, int64_t first, std::string_view name) {
    if (first >= 0 && first <= shape[2] - columns) return;
    fail_input("{} columns from {} on are not in {}, which has {}", columns, first, name, shape[2]);
  };
  require_columns(q.shape, q_column, "q");
  require_columns(k.shape, k_column, "k");
  require_columns(v.shape, v_column, "v");
  Shape shape = q.shape;
  shape[2] = columns;
  return {{q.dtype, shape}};
}

std::vector<Tensor> Attention::reference(std::span<const Tensor> inputs) const {
  Shape shape = inputs[0].shape();
  const int batch_axis = sequence_first ? 1 : 0;
  const int64_t batch = shape[batch_axis];
  const int64_t queries = shape[1 - batch_axis];
  const int64_t keys = inputs[1].shape()[1 - batch_axis];
  shape[2] = width_of(shape);
  const int64_t head_width = shape[2] / num_heads;
  const std::vector<double> q = to_doubles(inputs[0]);
  const std::vector<double> k = to_doubles(inputs[1]);
  const std::vector<double> v = to_doubles(inputs[2]);
  const auto row = [&](int64_t b, int64_t t, int64_t length) {
    return sequence_first ? t * batch + b : b * length + t;
  };
  std::vector<double> result(static_cast<size_t>(shape.element_count()));
  std::vector<double> weights(static_cast<size_t>(keys));
  for (int64_t b = 0; b < batch; ++b) {
    for (int64_t h = 0; h < num_heads; ++h) {
      for (int64_t t = 0; t < queries; ++t) {
        const int64_t start = row(b, t, queries) * shape[2] + h * head_width;
        const double* query =
            q.data() + row(b, t, queries) * inputs[0].shape()[2] + q_column + h * head_width;
        double largest = -std::numeric_limits<double>::infinity();
        for (int64_t s = 0; s < keys; ++s) {
          const double* key =
              k.data() + row(b, s, keys) * inputs[1].shape()[2] + k_column + h * head_width;
          double dot = 0;
          for (int64_t i = 0; i < head_width; ++i) dot += query[i] * key[i];
          weights[s] = dot * static_cast<double>(scale);
          largest = std::max(largest, weights[s]);
        }
        double sum = 0;
        for (double& weight : weights) sum += weight = std::exp(weight - largest);
        for (int64_t s = 0; s < keys; ++s) {
          const double* value =
              v.data() + row(b, s, keys) * inputs[2].shape()[2] + v_column + h * head_width;
          for (int64_t i = 0; i < head_width; ++i) {
            result[start + i] += weights[s] / sum * value[i];
          }
        }
      }
    }
  }
  return {cast(Tensor::from<double>(shape, result), inputs[0].dtype())};
}

}  // namespace tendon
