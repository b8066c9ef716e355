// Puts what follows a convolution into it.
#include "passes/epilogue.h"
#include "passes/passes.h"

namespace tendon {
namespace {

FusedConv fused(const Graph& graph, const Node& node, const Conv& conv) {
  FusedConv op;
  op.group = conv.group;
  std::vector<int64_t> pad_ends;
  for (const WindowAxis& axis :
       conv.axes(graph.shape(node.inputs[0]), graph.shape(node.inputs[1]))) {
    op.kernel_shape.push_back(axis.kernel);
    op.strides.push_back(axis.stride);
    op.dilations.push_back(axis.dilation);
    op.pads.push_back(axis.pad_begin);
    pad_ends.push_back(axis.pad_end);
  }
  op.pads.insert(op.pads.end(), pad_ends.begin(), pad_ends.end());
  return op;
}

}  // namespace

bool fuse_conv(Graph& graph) {
  return rewrite_nodes(graph, [&](NodeId id) {
    const Node node = graph.node(id);
    const auto* conv = std::get_if<Conv>(&node.op);
    if (conv == nullptr) return false;
    const Epilogue epilogue = epilogue_of(graph, node.outputs[0]);
    FusedConv op = fused(graph, node, *conv);
    op.activation = epilogue.activation;
    std::vector<ValueId> inputs = node.inputs;
    if (epilogue.residual != kNone) {
      inputs.resize(3, kNone);
      inputs.push_back(epilogue.residual);
    }
    GraphEdit edit(graph);
    edit.replace(epilogue.output, edit.add_node(op, std::move(inputs), node.name));
    edit.apply();
    return true;
  });
}

}  // namespace tendon
