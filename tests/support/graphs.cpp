#include "support/graphs.h"

#include <cmath>
#include <limits>
#include <map>
#include <random>

#include "base/data_type.h"

namespace tendon::testing {

ValueId GraphBuilder::input(std::string name, const Shape& shape, DataType dtype) {
  std::vector<Dim> dims;
  for (const int64_t dim : shape) dims.push_back({dim, ""});
  return graph_.add_input(std::move(name), dtype, std::move(dims));
}

ValueId GraphBuilder::constant(Tensor tensor, std::string name) {
  if (name.empty()) name = "constant" + std::to_string(counter_++);
  return graph_.add_constant(std::move(tensor), std::move(name));
}

ValueId GraphBuilder::random_constant(const Shape& shape, std::string name) {
  return constant(random_tensor(shape, 100 + static_cast<uint64_t>(counter_)), std::move(name));
}

ValueId GraphBuilder::ints(std::vector<int64_t> values) {
  return constant(Tensor::from<int64_t>(Shape{static_cast<int64_t>(values.size())}, values));
}

ValueId GraphBuilder::node(Op op, std::vector<ValueId> inputs, std::string name) {
  return node(std::move(op), std::move(inputs), 1, std::move(name))[0];
}

std::vector<ValueId> GraphBuilder::node(Op op, std::vector<ValueId> inputs, size_t outputs,
                                        std::string name) {
  if (name.empty()) name = std::string(type_of(op)) + std::to_string(counter_++);
  std::vector<std::string> names;
  for (size_t i = 0; i < outputs; ++i) {
    names.push_back(i == 0 ? name : name + "." + std::to_string(i));
  }
  const NodeId id = graph_.add_node(std::move(op), std::move(inputs), std::move(names), name);
  return graph_.node(id).outputs;
}

Graph GraphBuilder::done() {
  infer_shapes(graph_);
  return graph_;
}

Tensor random_tensor(const Shape& shape, uint64_t seed) {
  // std::normal_distribution differs between standard libraries; sums of uniforms do not.
  std::mt19937_64 generator(seed);
  Tensor tensor(DataType::kFloat32, shape);
  for (float& value : tensor.mutable_data<float>()) {
    double sum = 0;
    for (int i = 0; i < 4; ++i) sum += static_cast<double>(generator() >> 11) * 0x1p-53;
    value = static_cast<float>((sum - 2.0) * std::sqrt(3.0));
  }
  return tensor;
}

TensorMap random_inputs(const Graph& graph, uint64_t seed) {
  TensorMap inputs;
  for (const GraphInput& input : graph.inputs()) {
    const Tensor values = random_tensor(graph.shape(input.value), seed++);
    Tensor scaled = values;
    if (input.dtype != DataType::kFloat32) {
      for (float& value : scaled.mutable_data<float>()) value = std::floor(std::fabs(value) * 3);
    }
    inputs[graph.value(input.value).name] = cast(scaled, input.dtype);
  }
  return inputs;
}

TensorMap run_reference(const Graph& graph, const TensorMap& inputs) {
  std::vector<Tensor> values(graph.values().size());
  for (size_t i = 0; i < values.size(); ++i) {
    if (graph.values()[i].constant) values[i] = *graph.values()[i].constant;
  }
  for (const GraphInput& input : graph.inputs()) {
    values[static_cast<size_t>(input.value)] = inputs.at(graph.value(input.value).name);
  }
  for (const NodeId id : graph.topological_order()) {
    const Node& node = graph.node(id);
    std::vector<Tensor> arguments;
    for (const ValueId input : node.inputs) {
      arguments.push_back(input == kNone ? Tensor() : values[static_cast<size_t>(input)]);
    }
    const std::vector<Tensor> results = reference(node.op, arguments);
    for (size_t i = 0; i < node.outputs.size(); ++i) {
      if (node.outputs[i] == kNone) continue;
      const auto& expected = graph.value(node.outputs[i]).type;
      if (expected && *expected != results[i].type()) {
        fail(ErrorKind::kInternal, "{} inferred {} but computed {}", place_of(node), *expected,
             results[i].type());
      }
      values[static_cast<size_t>(node.outputs[i])] = results[i];
    }
  }
  TensorMap outputs;
  for (const ValueId output : graph.outputs()) {
    outputs[graph.value(output).name] = values[static_cast<size_t>(output)];
  }
  return outputs;
}

Graph in_double(const Graph& graph) {
  const auto wide_type = [](DataType type) {
    return is_floating(type) ? DataType::kFloat64 : type;
  };
  Graph wide;
  std::map<ValueId, ValueId> ids{{kNone, kNone}};
  for (const GraphInput& input : graph.inputs()) {
    ids[input.value] =
        wide.add_input(graph.value(input.value).name, wide_type(input.dtype), input.dims);
  }
  for (size_t i = 0; i < graph.values().size(); ++i) {
    const auto id = static_cast<ValueId>(i);
    if (!graph.is_constant(id)) continue;
    const Tensor& tensor = *graph.value(id).constant;
    ids[id] = wide.add_constant(cast(tensor, wide_type(tensor.dtype())), graph.value(id).name);
  }
  for (const NodeId id : graph.topological_order()) {
    const Node& node = graph.node(id);
    std::vector<ValueId> inputs;
    std::vector<std::string> names;
    for (const ValueId input : node.inputs) inputs.push_back(ids.at(input));
    for (const ValueId output : node.outputs) names.push_back(graph.value(output).name);
    const NodeId added = wide.add_node(node.op, std::move(inputs), std::move(names), node.name);
    for (size_t i = 0; i < node.outputs.size(); ++i) {
      ids[node.outputs[i]] = wide.node(added).outputs[i];
    }
  }
  for (const ValueId output : graph.outputs()) wide.add_output(ids.at(output));
  infer_shapes(wide);
  return wide;
}

double max_abs_difference(const Tensor& a, const Tensor& b) {
  if (a.type() != b.type()) return std::numeric_limits<double>::infinity();
  const auto x = to_doubles(a);
  const auto y = to_doubles(b);
  double largest = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    if (x[i] == y[i] || (std::isnan(x[i]) && std::isnan(y[i]))) continue;
    const double difference = std::fabs(x[i] - y[i]);
    if (std::isnan(difference)) return std::numeric_limits<double>::infinity();
    largest = std::max(largest, difference);
  }
  return largest;
}

double max_abs_difference(const TensorMap& a, const TensorMap& b) {
  if (a.size() != b.size()) return std::numeric_limits<double>::infinity();
  double largest = 0;
  for (const auto& [name, tensor] : a) {
    const auto other = b.find(name);
    if (other == b.end()) return std::numeric_limits<double>::infinity();
    largest = std::max(largest, max_abs_difference(tensor, other->second));
  }
  return largest;
}

size_t count_type(const Graph& graph, std::string_view type) {
  size_t count = 0;
  for (const Node& node : graph.nodes()) count += node.alive && type_of(node.op) == type;
  return count;
}

}  // namespace tendon::testing
