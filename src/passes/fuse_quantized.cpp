// Convolutions and products of dequantized 8-bit tensors become integer ones.
#include "passes/passes.h"
#include "passes/quantized.h"

namespace tendon {
namespace {

/// The operands of an integer product: codes of x and of the weight, and the scale of each output
/// channel.
struct Operands {
  ValueId x = kNone;
  ValueId weight = kNone;
  std::vector<float> scale;
};

/// `channel_axis` is the weight's axis of output channels.
std::optional<Operands> operands_of(const Graph& graph, const Node& node, int channel_axis) {
  if (graph.type(node.outputs[0]).dtype != DataType::kFloat32) return std::nullopt;
  const auto x = dequantized(graph, node.inputs[0]);
  const auto weight = dequantized(graph, node.inputs[1]);
  if (!x || !weight || !x->by_tensor() || !graph.is_constant(weight->codes) ||
      graph.type(weight->codes).dtype != DataType::kInt8) {
    return std::nullopt;
  }
  const auto channels = static_cast<size_t>(graph.shape(weight->codes)[channel_axis]);
  if (!weight->by_tensor() && weight->axis != channel_axis) return std::nullopt;
  std::vector<float> scale(channels, weight->scales.front());
  if (!weight->by_tensor()) scale = weight->scales;
  for (float& factor : scale) factor *= x->scales.front();
  return Operands{x->codes, weight->codes, std::move(scale)};
}

Tensor vector_tensor(const std::vector<float>& values) {
  return Tensor::from<float>({static_cast<int64_t>(values.size())}, values);
}

bool replace(Graph& graph, const Node& node, const Operands& operands, const Op& op) {
  GraphEdit edit(graph);
  const ValueId scale = edit.add_constant(vector_tensor(operands.scale), node.name + ".scale");
  std::vector<ValueId> inputs{operands.x, operands.weight, scale, input_of(node, 2),
                              input_of(node, 3)};
  while (inputs.back() == kNone) inputs.pop_back();
  edit.replace(node.outputs[0], edit.add_node(op, std::move(inputs), node.name));
  edit.apply();
  return true;
}

bool fuse(Graph& graph, const Node& node, const FusedConv& conv) {
  const auto operands = operands_of(graph, node, 0);
  if (!operands) return false;
  QuantizedConv op;
  static_cast<WindowAttributes&>(op) = conv;
  op.group = conv.group;
  op.activation = conv.activation;
  op.channels_last = conv.channels_last;
  return replace(graph, node, *operands, op);
}

bool fuse(Graph& graph, const Node& node, const FusedMatMul& product) {
  if (graph.shape(node.inputs[1]).rank() != 2) return false;
  auto operands = operands_of(graph, node, product.trans_b ? 0 : 1);
  if (!operands) return false;
  for (float& factor : operands->scale) factor *= product.alpha;
  QuantizedMatMul op;
  op.trans_b = product.trans_b;
  op.activation = product.activation;
  return replace(graph, node, *operands, op);
}

}  // namespace

bool fuse_quantized(Graph& graph) {
  return rewrite_nodes(graph, [&](NodeId id) {
    const Node node = graph.node(id);
    if (const auto* conv = std::get_if<FusedConv>(&node.op)) return fuse(graph, node, *conv);
    if (const auto* product = std::get_if<FusedMatMul>(&node.op)) {
      return fuse(graph, node, *product);
    }
    return false;
  });
}

}  // namespace tendon
