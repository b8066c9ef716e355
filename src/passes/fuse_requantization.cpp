// Integer convolutions and products that write 8-bit codes themselves.
#include "passes/passes.h"
#include "passes/quantized.h"

namespace tendon {
namespace {

constexpr size_t kResidual = 4;

template <class T>
bool fuse(Graph& graph, const Node& node, T op) {
  if (op.y_dtype != DataType::kFloat32) return false;
  const auto next = sole_quantizer(graph, node.outputs[0]);
  if (!next) return false;
  std::vector<ValueId> inputs = node.inputs;
  if (const ValueId residual = input_of(node, kResidual); residual != kNone) {
    // A float residual would have to be read at four times the size of what is written: the sum
    // stays float and is quantized by itself.
    const auto codes = dequantized(graph, residual);
    if (!codes || !codes->by_tensor()) return false;
    inputs[kResidual] = codes->codes;
    op.residual_scale = codes->scales.front();
  }
  op.y_dtype = next->type;
  op.y_scale = next->scale;
  GraphEdit edit(graph);
  edit.replace(graph.node(next->node).outputs[0], edit.add_node(op, std::move(inputs), node.name));
  edit.apply();
  return true;
}

}  // namespace

bool fuse_requantization(Graph& graph) {
  return rewrite_nodes(graph, [&](NodeId id) {
    const Node node = graph.node(id);
    if (const auto* conv = std::get_if<QuantizedConv>(&node.op)) return fuse(graph, node, *conv);
    if (const auto* product = std::get_if<QuantizedMatMul>(&node.op)) {
      return fuse(graph, node, *product);
    }
    return false;
  });
}

}  // namespace tendon
