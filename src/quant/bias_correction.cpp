#include "quant/bias_correction.h"

#include "ops/elements.h"

namespace tendon {
namespace {

Tensor vector_tensor(std::span<const double> values) {
  return cast(Tensor::from<double>({static_cast<int64_t>(values.size())}, values),
              DataType::kFloat32);
}

std::vector<double> sum_of(const Tensor& bias, std::span<const double> correction) {
  std::vector<double> values = to_doubles(bias);
  values.resize(correction.size(), values.size() == 1 ? values[0] : 0.0);
  for (size_t i = 0; i < values.size(); ++i) values[i] += correction[i];
  return values;
}

/// The Add of a constant by channel that alone follows the layer, or kNone.
NodeId bias_node(const Graph& graph, const WeightLayer& layer) {
  const auto* binary = sole_reader_op<Binary>(graph, layer.output);
  if (binary == nullptr || binary->kind != BinaryKind::kAdd) return kNone;
  const NodeId reader = sole_reader(graph, layer.output);
  const ValueId bias = other_input(graph.node(reader), layer.output);
  const Shape& shape = graph.shape(layer.output);
  const bool by_channel = values_along(graph, bias, shape, layer.linear.channel_axis).has_value();
  return by_channel && graph.shape(graph.node(reader).outputs[0]) == shape ? reader : kNone;
}

}  // namespace

std::optional<std::vector<double>> mean_weight_error(const Graph& graph, const WeightLayer& layer,
                                                     const QuantizedWeight& quantized,
                                                     std::span<const double> channel_mean) {
  const Linear& linear = layer.linear;
  const Tensor& weight = *graph.value(layer.weight).constant;
  if (linear.input_axis < 0 ||
      static_cast<int64_t>(channel_mean.size()) != weight.shape()[linear.input_axis]) {
    return std::nullopt;
  }
  const AxisSplit by_output = split_at(weight.shape(), linear.weight_axis);
  const AxisSplit by_input = split_at(weight.shape(), linear.input_axis);
  const std::vector<double> exact = to_doubles(weight);
  const auto codes = quantized.codes.data<int8_t>();
  const auto scales = quantized.scales.data<float>();
  std::vector<double> error(static_cast<size_t>(by_output.count));
  for (size_t i = 0; i < exact.size(); ++i) {
    const auto element = static_cast<int64_t>(i);
    const auto output = static_cast<size_t>(element / by_output.inner % by_output.count);
    const auto input = static_cast<size_t>(element / by_input.inner % by_input.count);
    const double rounded = static_cast<double>(codes[i]) * static_cast<double>(scales[output]);
    error[output] += (exact[i] - rounded) * channel_mean[input];
  }
  return error;
}

void add_to_bias(Graph& graph, const WeightLayer& layer, std::span<const double> correction) {
  const Node& node = graph.node(layer.linear.node);
  GraphEdit edit(graph);
  if (layer.linear.takes_bias) {
    const ValueId old_bias = input_of(node, 2);
    const auto values = old_bias == kNone
                            ? std::vector<double>(correction.begin(), correction.end())
                            : sum_of(*graph.value(old_bias).constant, correction);
    const ValueId bias = edit.add_constant(vector_tensor(values), node.name + ".bias");
    if (old_bias == kNone) {
      edit.replace(layer.output,
                   edit.add_node(node.op, {node.inputs[0], node.inputs[1], bias}, node.name));
    } else {
      edit.set_input(layer.linear.node, 2, bias);
    }
  } else if (const NodeId add = bias_node(graph, layer); add != kNone) {
    const auto& inputs = graph.node(add).inputs;
    const size_t index = inputs[0] == layer.output ? 1 : 0;
    const Tensor values = vector_tensor(sum_of(*graph.value(inputs[index]).constant, correction));
    edit.set_input(add, index, edit.add_constant(values, node.name + ".bias"));
  } else {
    return;
  }
  edit.apply();
}

}  // namespace tendon
