#include "quant/narrow_weights.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "ir/graph_edit.h"

namespace tendon {
namespace {

constexpr int64_t kLeastElements = 1024;

bool is_matrix(const Tensor& tensor) {
  const Shape& shape = tensor.shape();
  if (tensor.dtype() != DataType::kFloat32 || tensor.size() < kLeastElements) return false;
  return std::ranges::none_of(shape.dims(), [&](int64_t dim) { return dim == tensor.size(); });
}

/// Undefined where the error would be too large.
Tensor narrowed(const Tensor& tensor) {
  if (float16_error(tensor.data<float>()) > kLargestWeightError) return {};
  return cast(cast(tensor, DataType::kFloat16), DataType::kFloat32);
}

}  // namespace

double float16_error(std::span<const float> elements) {
  double error = 0;
  double signal = 0;
  for (const float element : elements) {
    if (!std::isfinite(element)) continue;
    const auto value = static_cast<double>(element);
    const double difference = static_cast<double>(static_cast<float>(Float16(element))) - value;
    error += difference * difference;
    signal += value * value;
  }
  return error == 0 ? 0 : std::sqrt(error / signal);
}

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
