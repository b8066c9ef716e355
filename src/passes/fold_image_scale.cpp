// The first convolution reads bytes where it read a fraction of them: the factor goes into its
// weights.
#include "passes/linear.h"
#include "passes/passes.h"

namespace tendon {
namespace {

/// Bytes, and what they are multiplied by.
struct ScaledBytes {
  ValueId bytes = kNone;
  double factor = 1;
};

/// `id` made of uint8 elements by a Cast, scalar factors and Reshapes that keep the last three
/// axes; nothing else reads what is in between.
std::optional<ScaledBytes> scaled_bytes(const Graph& graph, ValueId id) {
  ScaledBytes found{id};
  for (;;) {
    const Node* node = graph.producer(found.bytes);
    if (node == nullptr || sole_reader(graph, found.bytes) == kNone) return std::nullopt;
    const ValueId above = node->inputs[0];
    const Shape& shape = graph.shape(found.bytes);
    if (std::holds_alternative<Reshape>(node->op)) {
      const Shape& from = graph.shape(above);
      if (from.rank() < 3 || !std::equal(from.end() - 3, from.end(), shape.end() - 3)) {
        return std::nullopt;
      }
    } else if (std::holds_alternative<Cast>(node->op)) {
      if (graph.type(above).dtype != DataType::kUInt8) return std::nullopt;
      found.bytes = above;
      return found;
    } else {
      const auto* binary = std::get_if<Binary>(&node->op);
      const auto scalar =
          binary == nullptr ? std::nullopt : constant_scalar(graph, node->inputs[1]);
      if (!scalar || *scalar == 0 || graph.type(above) != graph.type(found.bytes)) {
        return std::nullopt;
      }
      if (binary->kind != BinaryKind::kMul && binary->kind != BinaryKind::kDiv) return std::nullopt;
      found.factor *= binary->kind == BinaryKind::kMul ? *scalar : 1 / *scalar;
    }
    found.bytes = above;
  }
}

}  // namespace

bool fold_image_scale(Graph& graph) {
  return rewrite_nodes(graph, [&](NodeId id) {
    const Node node = graph.node(id);
    const ValueId offset = input_of(node, 3);
    if (!std::holds_alternative<ImageConv>(node.op) || !graph.is_constant(node.inputs[1]) ||
        (offset != kNone && !graph.is_constant(offset))) {
      return false;
    }
    const auto found = scaled_bytes(graph, node.inputs[0]);
    if (!found) return false;
    GraphEdit edit(graph);
    std::vector<ValueId> inputs = node.inputs;
    inputs[0] = add_reshape(edit, found->bytes, graph.shape(node.inputs[0]), node.name);
    inputs[1] = add_constant_scaled(edit, graph, inputs[1], found->factor);
    if (offset != kNone) inputs[3] = add_constant_scaled(edit, graph, offset, 1 / found->factor);
    edit.replace(node.outputs[0], edit.add_node(node.op, std::move(inputs), node.name));
    edit.apply();
    return true;
  });
}

}  // namespace tendon
