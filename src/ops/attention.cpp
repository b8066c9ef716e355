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
  const bool fits = q.shape.rank() == 3 && k.shape.rank() == 3 && k == v && q.dtype == k.dtype &&
                    q.shape[batch_axis] == k.shape[batch_axis] && q.shape[2] == k.shape[2];
  if (!fits) {
    fail_input("q, k and v are {}, {} and {}, expected q [{}, width] and k, v [{}, width]", q, k, v,
               sequence_first ? "Tq, batch" : "batch, Tq",
               sequence_first ? "Tk, batch" : "batch, Tk");
  }
  if (num_heads < 1 || q.shape[2] % num_heads != 0) {
    fail_input("width {} cannot be shared by {} heads", q.shape[2], num_heads);
  }
  return {q};
}

std::vector<Tensor> Attention::reference(std::span<const Tensor> inputs) const {
  const Shape& shape = inputs[0].shape();
  const int batch_axis = sequence_first ? 1 : 0;
  const int64_t batch = shape[batch_axis];
  const int64_t queries = shape[1 - batch_axis];
  const int64_t keys = inputs[1].shape()[1 - batch_axis];
  const int64_t width = shape[2];
  const int64_t head_width = width / num_heads;
  const std::vector<double> q = to_doubles(inputs[0]);
  const std::vector<double> k = to_doubles(inputs[1]);
  const std::vector<double> v = to_doubles(inputs[2]);
  const auto row = [&](int64_t b, int64_t t, int64_t length) {
    return (sequence_first ? t * batch + b : b * length + t) * width;
  };
  std::vector<double> result(q.size());
  std::vector<double> weights(static_cast<size_t>(keys));
  for (int64_t b = 0; b < batch; ++b) {
    for (int64_t h = 0; h < num_heads; ++h) {
      for (int64_t t = 0; t < queries; ++t) {
        const int64_t start = row(b, t, queries) + h * head_width;
        double largest = -std::numeric_limits<double>::infinity();
        for (int64_t s = 0; s < keys; ++s) {
          const double* key = k.data() + row(b, s, keys) + h * head_width;
          double dot = 0;
          for (int64_t i = 0; i < head_width; ++i) dot += q[start + i] * key[i];
          weights[s] = dot * static_cast<double>(scale);
          largest = std::max(largest, weights[s]);
        }
        double sum = 0;
        for (double& weight : weights) sum += weight = std::exp(weight - largest);
        for (int64_t s = 0; s < keys; ++s) {
          const double* value = v.data() + row(b, s, keys) + h * head_width;
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
