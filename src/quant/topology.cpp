#include "quant/topology.h"

#include <algorithm>

#include "passes/quantized.h"

namespace tendon {
namespace {

NodeSet none_of(const Graph& graph) { return NodeSet(graph.nodes().size(), false); }

NodeSet nodes_of(const Graph& graph, const std::vector<WeightLayer>& layers) {
  NodeSet set = none_of(graph);
  for (const WeightLayer& layer : layers) set[static_cast<size_t>(layer.linear.node)] = true;
  return set;
}

/// Marks everything that depends on `root`.
void mark_after(const Graph& graph, NodeId root, NodeSet& marked) {
  std::vector<NodeId> pending{root};
  while (!pending.empty()) {
    const NodeId id = pending.back();
    pending.pop_back();
    if (marked[static_cast<size_t>(id)]) continue;
    marked[static_cast<size_t>(id)] = true;
    for (const ValueId output : graph.node(id).outputs) {
      if (output == kNone) continue;
      const auto& readers = graph.value(output).readers;
      pending.insert(pending.end(), readers.begin(), readers.end());
    }
  }
}

/// Marks the nearest layers above `id`.
void mark_nearest_layers(const Graph& graph, ValueId id, const NodeSet& layers, NodeSet& marked) {
  std::vector<ValueId> pending{id};
  NodeSet seen = none_of(graph);
  while (!pending.empty()) {
    const ValueId value = pending.back();
    pending.pop_back();
    const NodeId producer = value == kNone ? kNone : graph.value(value).producer;
    if (producer == kNone || seen[static_cast<size_t>(producer)]) continue;
    seen[static_cast<size_t>(producer)] = true;
    if (layers[static_cast<size_t>(producer)]) {
      marked[static_cast<size_t>(producer)] = true;
      continue;
    }
    const auto& inputs = graph.node(producer).inputs;
    pending.insert(pending.end(), inputs.begin(), inputs.end());
  }
}

/// The product whose result reaches `id` through scaling and moving alone, or null.
const Node* product_above(const Graph& graph, ValueId id) {
  for (const Node* node = graph.producer(id); node != nullptr;
       node = graph.producer(node->inputs[0])) {
    if (std::holds_alternative<MatMul>(node->op)) return node;
    const bool passes = commutes_with_quantizing(*node) || std::holds_alternative<Binary>(node->op);
    if (!passes || node->inputs[0] == kNone) return nullptr;
  }
  return nullptr;
}

}  // namespace

NodeSet decoder_nodes(const Graph& graph, const std::vector<WeightLayer>& layers) {
  const NodeSet weighted = nodes_of(graph, layers);
  NodeSet decoder = none_of(graph);
  for (const NodeId id : graph.topological_order()) {
    const Node& node = graph.node(id);
    if (!std::holds_alternative<Softmax>(node.op)) continue;
    const Shape& scores = graph.shape(node.outputs[0]);
    if (scores.rank() < 2 || scores[scores.rank() - 2] == scores.back()) continue;
    const Node* product = product_above(graph, node.inputs[0]);
    if (product == nullptr) continue;
    for (const ValueId operand : product->inputs) {
      mark_nearest_layers(graph, operand, weighted, decoder);
    }
    for (const NodeId reader : graph.value(node.outputs[0]).readers) {
      if (!std::holds_alternative<MatMul>(graph.node(reader).op)) continue;
      mark_nearest_layers(graph, other_input(graph.node(reader), node.outputs[0]), weighted,
                          decoder);
    }
    mark_after(graph, id, decoder);
  }
  return decoder;
}

NodeSet head_nodes(const Graph& graph, const std::vector<WeightLayer>& layers) {
  const NodeSet weighted = nodes_of(graph, layers);
  NodeSet heads = none_of(graph);
  for (const ValueId output : graph.outputs()) {
    mark_nearest_layers(graph, output, weighted, heads);
  }
  return heads;
}

NodeSet output_projections(const Graph& graph, const std::vector<WeightLayer>& layers) {
  NodeSet projections = none_of(graph);
  for (const WeightLayer& layer : layers) {
    const Node* node = graph.producer(layer.input);
    while (node != nullptr && commutes_with_quantizing(*node)) {
      node = graph.producer(node->inputs[0]);
    }
    if (node == nullptr || !std::holds_alternative<MatMul>(node->op)) continue;
    if (graph.producer_op<Softmax>(node->inputs[0]) != nullptr) {
      projections[static_cast<size_t>(layer.linear.node)] = true;
    }
  }
  return projections;
}

bool is_nonnegative(const Graph& graph, ValueId id) {
  const Node* node = graph.producer(id);
  if (node == nullptr) return false;
  if (commutes_with_quantizing(*node)) return is_nonnegative(graph, node->inputs[0]);
  if (const auto* unary = std::get_if<Unary>(&node->op)) {
    return unary->kind == UnaryKind::kRelu || unary->kind == UnaryKind::kSigmoid ||
           unary->kind == UnaryKind::kExp || unary->kind == UnaryKind::kSqrt;
  }
  if (std::holds_alternative<Concat>(node->op)) {
    return std::ranges::all_of(node->inputs,
                               [&](ValueId input) { return is_nonnegative(graph, input); });
  }
  return std::holds_alternative<Softmax>(node->op);
}

}  // namespace tendon
