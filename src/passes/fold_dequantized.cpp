// Weights held in 8 bits that no integer kernel takes become floats when the engine is built.
#include "passes/passes.h"
#include "passes/quantized.h"
#include "passes/view.h"

namespace tendon {
namespace {

/// Whether the reader may still become an integer product: its data comes from codes, though a
/// Transpose that will cancel may lie between.
bool may_use_codes(const Graph& graph, const Node& reader, ValueId weight) {
  const bool product =
      std::holds_alternative<FusedConv>(reader.op) ||
      std::holds_alternative<FusedMatMul>(reader.op) || std::holds_alternative<Conv>(reader.op) ||
      std::holds_alternative<MatMul>(reader.op) || std::holds_alternative<Gemm>(reader.op);
  return product && input_of(reader, 1) == weight &&
         dequantized(graph, view_of(graph, reader.inputs[0]).base).has_value();
}

}  // namespace

bool fold_dequantized(Graph& graph) {
  return rewrite_nodes(graph, [&](NodeId id) {
    const Node& node = graph.node(id);
    if (!std::holds_alternative<DequantizeLinear>(node.op)) return false;
    std::vector<Tensor> inputs;
    for (const ValueId input : node.inputs) {
      if (input != kNone && !graph.is_constant(input)) return false;
      inputs.push_back(input == kNone ? Tensor() : *graph.value(input).constant);
    }
    const ValueId output = node.outputs[0];
    for (const NodeId reader : graph.value(output).readers) {
      if (may_use_codes(graph, graph.node(reader), output)) return false;
    }
    GraphEdit edit(graph);
    edit.replace_by_constant(output, reference(node.op, inputs)[0]);
    edit.apply();
    return true;
  });
}

}  // namespace tendon
