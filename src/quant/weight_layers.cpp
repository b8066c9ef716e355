#include "quant/weight_layers.h"

namespace tendon {

std::vector<WeightLayer> weight_layers(const Graph& graph) {
  std::vector<WeightLayer> layers;
  for (const NodeId id : graph.topological_order()) {
    const auto linear = linear_node(graph, id);
    if (!linear) continue;
    const Node& node = graph.node(id);
    WeightLayer layer{*linear, node.name, node.inputs[0], node.inputs[1], node.outputs[0]};
    const Shape& weight = graph.shape(layer.weight);
    const Shape& output = graph.shape(layer.output);
    layer.channels = output[linear->channel_axis];
    if (layer.channels == 0 || output.element_count() == 0) continue;
    layer.rows = output.element_count() / layer.channels;
    layer.depth = weight.element_count() / weight[linear->weight_axis];
    layers.push_back(std::move(layer));
  }
  return layers;
}

int64_t total_multiply_adds(const Graph& graph) {
  int64_t total = 0;
  for (const Node& node : graph.nodes()) {
    if (!node.alive) continue;
    if (std::holds_alternative<MatMul>(node.op)) {
      total += graph.shape(node.outputs[0]).element_count() * graph.shape(node.inputs[0]).back();
    }
  }
  for (const WeightLayer& layer : weight_layers(graph)) {
    if (!std::holds_alternative<MatMul>(graph.node(layer.linear.node).op)) {
      total += layer.multiply_adds();
    }
  }
  return total;
}

}  // namespace tendon
