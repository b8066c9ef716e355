#include "quant/narrow_weights.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "ir/graph_edit.h"

namespace tendon {
namespace {

constexpr int64_t kLeastElements = 1024;
constexpr double kLargestError = 1e-3;

bool is_matrix(const Tensor& tensor) {
  const Shape& shape = tensor.shape();
  if (tensor.dtype() != DataType::kFloat32 || tensor.size() < kLeastElements) return false;
  return std::ranges::none_of(shape.dims(), [&](int64_t dim) { return dim == tensor.size(); });
}

/// Undefined where the error would be too large.
Tensor narrowed(const Tensor& tensor) {
  Tensor result(DataType::kFloat32, tensor.shape());
  const auto from = tensor.data<float>();
  const auto to = result.mutable_data<float>();
  double error = 0;
  double signal = 0;
  for (size_t i = 0; i < from.size(); ++i) {
    to[i] = static_cast<float>(Float16(from[i]));
    const double difference = static_cast<double>(to[i]) - static_cast<double>(from[i]);
    error += difference * difference;
    signal += static_cast<double>(from[i]) * static_cast<double>(from[i]);
  }
  return error <= kLargestError * kLargestError * signal ? result : Tensor();
}

}  // namespace

NarrowedWeights narrow_weights(Graph& graph) {
  NarrowedWeights done;
  GraphEdit edit(graph);
  for (size_t i = 0; i < graph.values().size(); ++i) {
    const auto id = static_cast<ValueId>(i);
    if (!graph.is_constant(id) || graph.use_count(id) == 0 || graph.is_output(id)) continue;
    const Value& value = graph.value(id);
    if (!is_matrix(*value.constant)) continue;
    const Tensor tensor = narrowed(*value.constant);
    if (!tensor.defined()) {
      done.kept.push_back(value.name);
      continue;
    }
    edit.replace(id, edit.add_constant(tensor, value.name));
    ++done.count;
  }
  edit.apply();
  return done;
}

Tensor exact_float16(const Tensor& tensor) {
  Tensor result(DataType::kFloat16, tensor.shape());
  const auto from = tensor.data<float>();
  const auto to = result.mutable_data<Float16>();
  for (size_t i = 0; i < from.size(); ++i) {
    to[i] = Float16(from[i]);
    // Bits, because a zero has a sign.
    const float back = to[i];
    if (std::bit_cast<uint32_t>(back) != std::bit_cast<uint32_t>(from[i])) return {};
  }
  return result;
}

}  // namespace tendon
