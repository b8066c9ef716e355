// LayerNormalization that writes the codes that the next layer reads.
#include "passes/passes.h"
#include "passes/quantized.h"

namespace tendon {

bool fuse_quantized_layer_normalization(Graph& graph) {
  return rewrite_nodes(graph, [&](NodeId id) {
    const Node node = graph.node(id);
    const auto* norm = std::get_if<LayerNormalization>(&node.op);
    if (norm == nullptr || node.outputs.size() != 1) return false;
    const ValueId y = node.outputs[0];
    if (graph.is_output(y) || graph.type(y).dtype != DataType::kFloat32) return false;
    for (const NodeId reader : graph.value(y).readers) {
      const auto next = quantizer(graph, reader);
      if (!next) continue;
      QuantizedLayerNormalization op;
      op.axis = norm->axis;
      op.epsilon = norm->epsilon;
      op.y_dtype = next->type;
      op.y_scale = next->scale;
      GraphEdit edit(graph);
      const std::vector<ValueId> made = edit.add_node(op, node.inputs, 2, node.name);
      edit.replace(y, made[0]);
      edit.replace(graph.node(next->node).outputs[0], made[1]);
      edit.apply();
      return true;
    }
    return false;
  });
}

}  // namespace tendon
