#include "quant/consumers.h"

#include <algorithm>

#include "passes/linear.h"

namespace tendon {

Tensor Consumer::matrix() const {
  const Tensor flat = outputs_first ? weights.reshaped({outputs(), width()}) : weights;
  return outputs_first ? Transpose{.perm = {1, 0}}.reference({&flat, 1})[0] : flat;
}

std::vector<Consumer> consumers_of(const Graph& graph, std::span<const CalibratedValue> values) {
  std::vector<Consumer> consumers;
  for (const NodeId id : graph.topological_order()) {
    const Node& node = graph.node(id);
    const auto linear = linear_node(graph, id);
    if (!linear || linear->input_axis < 0) continue;
    const auto value =
        std::ranges::find(values, graph.value(node.inputs[0]).name, &CalibratedValue::name);
    if (value == values.end() || value->source.empty() || !value->has_channels) continue;
    const Tensor weights = cast(*graph.value(node.inputs[1]).constant, DataType::kFloat32);
    if (weights.size() == 0) continue;
    Consumer consumer{node.name, value->source, value->factor, weights, linear->weight_axis == 0,
                      {}};
    if (const auto* conv = std::get_if<Conv>(&node.op)) {
      // Patches need the image as it is, not a view of it.
      if (value->name != value->source || graph.shape(node.inputs[0]).rank() != 4) continue;
      consumer.window = conv->axes(graph.shape(node.inputs[0]), graph.shape(node.inputs[1]));
    } else {
      const int last = graph.shape(node.inputs[0]).rank() - 1;
      if (linear->input_channel_axis != last) continue;
    }
    consumers.push_back(std::move(consumer));
  }
  return consumers;
}

}  // namespace tendon
