#include "passes/rewrite.h"

#include <algorithm>
#include <cmath>

#include "base/data_type.h"

namespace tendon {

ValueId input_of(const Node& node, size_t index) {
  return index < node.inputs.size() ? node.inputs[index] : kNone;
}

NodeId sole_reader(const Graph& graph, ValueId id) {
  const auto& readers = graph.value(id).readers;
  return readers.size() == 1 && !graph.is_output(id) ? readers[0] : kNone;
}

ValueId other_input(const Node& node, ValueId id) {
  return node.inputs[0] == id ? node.inputs[1] : node.inputs[0];
}

std::optional<double> constant_scalar(const Graph& graph, ValueId id) {
  if (!graph.is_constant(id)) return std::nullopt;
  const Tensor& tensor = *graph.value(id).constant;
  if (!is_floating(tensor.dtype()) || tensor.size() != 1) return std::nullopt;
  return to_doubles(tensor)[0];
}

std::optional<std::vector<int64_t>> constant_int64s(const Graph& graph, ValueId id) {
  if (!graph.is_constant(id)) return std::nullopt;
  const Tensor& tensor = *graph.value(id).constant;
  if (is_floating(tensor.dtype())) return std::nullopt;
  return to_int64s(tensor);
}

bool is_constant_near(const Graph& graph, ValueId id, double wanted) {
  const auto value = constant_scalar(graph, id);
  return value && std::fabs(*value - wanted) <= 1e-5 * std::fabs(wanted);
}

Tensor int64_tensor(std::span<const int64_t> values) {
  return Tensor::from<int64_t>(Shape{static_cast<int64_t>(values.size())}, values);
}

Shape permuted(const Shape& shape, std::span<const int64_t> perm) {
  Shape result;
  for (const int64_t axis : perm) result.push_back(shape[static_cast<int>(axis)]);
  return result;
}

Shape without_leading_ones(const Shape& shape) {
  size_t ones = 0;
  while (ones < shape.dims().size() && shape.dims()[ones] == 1) ++ones;
  return Shape(shape.dims().subspan(ones));
}

ValueId add_constant_reshaped(GraphEdit& edit, const Graph& graph, ValueId id, const Shape& shape) {
  if (graph.shape(id) == shape) return id;
  return edit.add_constant(graph.value(id).constant->reshaped(shape), graph.value(id).name);
}

ValueId add_constant_scaled(GraphEdit& edit, const Graph& graph, ValueId id, double factor) {
  const Value& value = graph.value(id);
  std::vector<double> values = to_doubles(*value.constant);
  for (double& element : values) element *= factor;
  return edit.add_constant(cast(Tensor::from<double>(value.type->shape, values), value.type->dtype),
                           value.name);
}

ValueId add_reshape(GraphEdit& edit, ValueId value, const Shape& shape, const std::string& name) {
  if (edit.type(value).shape == shape) return value;
  const ValueId dims = edit.add_constant(int64_tensor(shape.dims()), name + ".shape");
  return edit.add_node(Reshape{{}, true}, {value, dims}, name);
}

ValueId add_transpose(GraphEdit& edit, ValueId value, const std::vector<int64_t>& perm,
                      const std::string& name) {
  if (std::ranges::is_sorted(perm)) return value;
  return edit.add_node(Transpose{{}, perm}, {value}, name);
}

}  // namespace tendon
