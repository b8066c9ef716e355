#include "passes/linear.h"

#include <algorithm>

#include "ops/broadcast.h"
#include "ops/elements.h"

namespace tendon {
namespace {

std::optional<Linear> linear_conv(const Graph& graph, NodeId id, const Conv& conv) {
  const Node& node = graph.node(id);
  const ValueId bias = input_of(node, 2);
  if (!graph.is_constant(node.inputs[1]) || (bias != kNone && !graph.is_constant(bias))) {
    return std::nullopt;
  }
  return Linear{id, 1, 0, conv.group == 1 ? 1 : -1, 1, true};
}

std::optional<Linear> linear_gemm(const Graph& graph, NodeId id, const Gemm& gemm) {
  const Node& node = graph.node(id);
  const ValueId bias = input_of(node, 2);
  if (!graph.is_constant(node.inputs[1])) return std::nullopt;
  if (bias != kNone &&
      (gemm.beta != 1 || !values_along(graph, bias, graph.shape(node.outputs[0]), 1))) {
    return std::nullopt;
  }
  const int columns = gemm.trans_b ? 0 : 1;
  return Linear{id, 1, columns, 1 - columns, gemm.trans_a ? 0 : 1, true};
}

/// The bias for each output channel; zeros where there is none.
std::vector<double> bias_values(const Graph& graph, const Linear& linear, const Node& node) {
  const Shape& shape = graph.shape(node.outputs[0]);
  const int64_t channels = shape[linear.channel_axis];
  const ValueId bias = input_of(node, 2);
  if (bias == kNone) return std::vector<double>(static_cast<size_t>(channels));
  if (graph.shape(bias) == Shape{channels}) return to_doubles(*graph.value(bias).constant);
  return values_along(graph, bias, shape, linear.channel_axis).value();
}

}  // namespace

std::optional<Linear> linear_node(const Graph& graph, NodeId id) {
  const Node& node = graph.node(id);
  if (const auto* conv = std::get_if<Conv>(&node.op)) return linear_conv(graph, id, *conv);
  if (const auto* gemm = std::get_if<Gemm>(&node.op)) return linear_gemm(graph, id, *gemm);
  if (!std::holds_alternative<MatMul>(node.op)) return std::nullopt;
  const ValueId weight = node.inputs[1];
  const int rank = graph.shape(node.inputs[0]).rank();
  if (!graph.is_constant(weight) || graph.shape(weight).rank() != 2 || rank < 2) {
    return std::nullopt;
  }
  return Linear{id, rank - 1, 1, 0, rank - 1, false};
}

std::optional<Linear> linear_producer(const Graph& graph, ValueId id) {
  const NodeId producer = graph.value(id).producer;
  if (producer == kNone || sole_reader(graph, id) == kNone) return std::nullopt;
  return linear_node(graph, producer);
}

std::optional<std::vector<double>> values_along(const Graph& graph, ValueId id, const Shape& shape,
                                                int axis) {
  if (!graph.is_constant(id)) return std::nullopt;
  const Tensor& tensor = *graph.value(id).constant;
  const int shift = shape.rank() - tensor.rank();
  for (int i = 0; i < tensor.rank(); ++i) {
    const int64_t dim = tensor.shape()[i];
    const bool along = i + shift == axis && dim == shape[axis];
    if (dim != 1 && !along) return std::nullopt;
  }
  if (shift < 0) return std::nullopt;
  std::vector<double> values = to_doubles(tensor);
  values.resize(static_cast<size_t>(shape[axis]), values.size() == 1 ? values[0] : 0.0);
  return values;
}

Tensor scaled_along(const Tensor& tensor, int axis, std::span<const double> factors) {
  const AxisSplit split = split_at(tensor.shape(), axis);
  std::vector<double> values = to_doubles(tensor);
  double* value = values.data();
  for (int64_t outer = 0; outer < split.outer; ++outer) {
    for (int64_t k = 0; k < split.count; ++k) {
      for (int64_t i = 0; i < split.inner; ++i) *value++ *= factors[static_cast<size_t>(k)];
    }
  }
  return cast(Tensor::from<double>(tensor.shape(), values), tensor.dtype());
}

bool fold_into_linear(Graph& graph, const Linear& linear, std::span<const double> factors,
                      std::span<const double> shifts, ValueId old_output) {
  const Node node = graph.node(linear.node);
  const Shape& shape = graph.shape(node.outputs[0]);
  const bool shifted = std::ranges::any_of(shifts, [](double shift) { return shift != 0; });
  if (shifted && !linear.takes_bias) return false;
  GraphEdit edit(graph);
  std::vector<ValueId> inputs = node.inputs;
  const Value& weight = graph.value(inputs[1]);
  if (std::ranges::any_of(factors, [](double factor) { return factor != 1; })) {
    inputs[1] =
        edit.add_constant(scaled_along(*weight.constant, linear.weight_axis, factors), weight.name);
  }
  const ValueId old_bias = input_of(node, 2);
  if (shifted || old_bias != kNone) {
    const std::vector<double> bias = bias_values(graph, linear, node);
    std::vector<double> folded(shifts.size());
    for (size_t i = 0; i < folded.size(); ++i) folded[i] = bias[i] * factors[i] + shifts[i];
    const Tensor wide = Tensor::from<double>(Shape{shape[linear.channel_axis]}, folded);
    inputs.resize(3, kNone);
    inputs[2] =
        edit.add_constant(cast(wide, weight.type->dtype),
                          old_bias == kNone ? node.name + ".bias" : graph.value(old_bias).name);
  }
  edit.replace(old_output, edit.add_node(node.op, std::move(inputs), node.name));
  edit.apply();
  return true;
}

}  // namespace tendon
