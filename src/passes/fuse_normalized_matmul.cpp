// Puts a LayerNormalization into the product whose rows it normalises.
#include <algorithm>

#include "passes/passes.h"
#include "passes/rewrite.h"

namespace tendon {
namespace {

/// Whether a product reads `id`. What only makes an output is computed apart, and more exactly.
bool feeds_product(const Graph& graph, ValueId id) {
  return std::ranges::any_of(graph.value(id).readers, [&](NodeId reader) {
    const Op& op = graph.node(reader).op;
    return std::holds_alternative<FusedMatMul>(op) || std::holds_alternative<NormalizedMatMul>(op);
  });
}

}  // namespace

bool fuse_normalized_matmul(Graph& graph) {
  return rewrite_nodes(graph, [&](NodeId id) {
    const Node node = graph.node(id);
    const auto* norm = std::get_if<LayerNormalization>(&node.op);
    if (norm == nullptr || node.outputs.size() != 1) return false;
    const ValueId sums = node.inputs[0];
    const auto* product = graph.producer_op<FusedMatMul>(sums);
    const int rank = graph.shape(sums).rank();
    if (product == nullptr || product->activation != Activation::kNone ||
        normalize_axis(norm->axis, rank) != rank - 1 || sole_reader(graph, sums) == kNone ||
        !feeds_product(graph, node.outputs[0])) {
      return false;
    }
    std::vector<ValueId> inputs = graph.producer(sums)->inputs;
    if (!graph.is_constant(inputs[1]) || graph.shape(inputs[1]).rank() != 2) return false;
    inputs.resize(NormalizedMatMul::kScale, kNone);
    inputs.insert(inputs.end(), node.inputs.begin() + 1, node.inputs.end());
    NormalizedMatMul op;
    op.trans_b = product->trans_b;
    op.alpha = product->alpha;
    op.epsilon = norm->epsilon;
    GraphEdit edit(graph);
    edit.replace(node.outputs[0], edit.add_node(op, std::move(inputs), node.name));
    edit.apply();
    return true;
  });
}

}  // namespace tendon
