// TensorRT's Q/DQ form: quantize() with int8 throughout, and a pair for each reader.
#include "passes/rewrite.h"
#include "quant/dialect.h"

namespace tendon {
namespace {

/// Gives every reader but the first a copy of the pair that ends in `id`.
void split_pair(Graph& graph, NodeId id) {
  const Node dequantize = graph.node(id);
  const Node* quantize = graph.producer(dequantize.inputs[0]);
  if (quantize == nullptr || !std::holds_alternative<QuantizeLinear>(quantize->op)) return;
  const Node pair = *quantize;
  const ValueId value = dequantize.outputs[0];
  const std::vector<NodeId> readers = graph.value(value).readers;
  GraphEdit edit(graph);
  for (size_t i = 1; i < readers.size(); ++i) {
    const auto& inputs = graph.node(readers[i]).inputs;
    std::vector<ValueId> copied = dequantize.inputs;
    copied[0] = edit.add_node(pair.op, pair.inputs, pair.name);
    const ValueId copy = edit.add_node(dequantize.op, std::move(copied), dequantize.name);
    for (size_t input = 0; input < inputs.size(); ++input) {
      if (inputs[input] == value) edit.set_input(readers[i], input, copy);
    }
  }
  if (!edit.empty()) edit.apply();
}

}  // namespace

void finish_for_tensorrt(Graph& graph, const Ranges&) {
  for (const NodeId id : graph.topological_order()) {
    if (std::holds_alternative<DequantizeLinear>(graph.node(id).op)) split_pair(graph, id);
  }
}

}  // namespace tendon
