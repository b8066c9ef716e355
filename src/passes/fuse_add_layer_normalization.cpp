// Puts the addition before a LayerNormalization into it.
#include "passes/passes.h"
#include "passes/rewrite.h"

namespace tendon {

bool fuse_add_layer_normalization(Graph& graph) {
  return rewrite_nodes(graph, [&](NodeId id) {
    const Node& node = graph.node(id);
    const auto* norm = std::get_if<LayerNormalization>(&node.op);
    if (norm == nullptr || node.outputs.size() != 1) return false;
    const ValueId sum = node.inputs[0];
    const auto* binary = graph.producer_op<Binary>(sum);
    if (binary == nullptr || binary->kind != BinaryKind::kAdd || sole_reader(graph, sum) == kNone) {
      return false;
    }
    std::vector<ValueId> inputs = graph.producer(sum)->inputs;
    if (graph.type(inputs[0]) != graph.type(sum) || graph.type(inputs[1]) != graph.type(sum)) {
      return false;
    }
    inputs.insert(inputs.end(), node.inputs.begin() + 1, node.inputs.end());
    AddLayerNormalization op;
    op.axis = norm->axis;
    op.epsilon = norm->epsilon;
    GraphEdit edit(graph);
    edit.replace(node.outputs[0], edit.add_node(op, std::move(inputs), node.name));
    edit.apply();
    return true;
  });
}

}  // namespace tendon
