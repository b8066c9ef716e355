// Removes nodes that give back their input.
#include <algorithm>

#include "passes/passes.h"
#include "passes/rewrite.h"

namespace tendon {
namespace {

bool all_equal(const Graph& graph, ValueId id, int64_t wanted) {
  const auto values = constant_int64s(graph, id);
  return values && std::ranges::all_of(*values, [&](int64_t value) { return value == wanted; });
}

/// The operand x of x + 0, 0 + x, x - 0, x * 1, 1 * x or x / 1, else kNone.
ValueId neutral_operand(const Graph& graph, const Node& node, BinaryKind kind) {
  const bool is_sum = kind == BinaryKind::kAdd || kind == BinaryKind::kSub;
  const bool is_product = kind == BinaryKind::kMul || kind == BinaryKind::kDiv;
  if (!is_sum && !is_product) return kNone;
  const auto is_neutral = [&](ValueId id) {
    return constant_scalar(graph, id) == (is_sum ? 0.0 : 1.0);
  };
  if (is_neutral(node.inputs[1])) return node.inputs[0];
  const bool commutes = kind == BinaryKind::kAdd || kind == BinaryKind::kMul;
  return commutes && is_neutral(node.inputs[0]) ? node.inputs[1] : kNone;
}

/// CastLike(x, y) -> Cast(x) to y's type, which is known by now.
bool settle_type(Graph& graph, const Node& node) {
  if (!std::holds_alternative<CastLike>(node.op)) return false;
  GraphEdit edit(graph);
  const ValueId output = node.outputs[0];
  Cast cast;
  cast.to = graph.type(output).dtype;
  edit.replace(output, edit.add_node(cast, {node.inputs[0]}, node.name));
  edit.apply();
  return true;
}

/// The input that output 0 of the node equals as long as their types agree, else kNone.
ValueId candidate(const Graph& graph, const Node& node) {
  const ValueId first = input_of(node, 0);
  if (std::holds_alternative<Identity>(node.op) || std::holds_alternative<Cast>(node.op) ||
      std::holds_alternative<Expand>(node.op)) {
    return first;
  }
  if (std::holds_alternative<Tile>(node.op)) {
    return all_equal(graph, input_of(node, 1), 1) ? first : kNone;
  }
  if (std::holds_alternative<Pad>(node.op)) {
    return all_equal(graph, input_of(node, 1), 0) ? first : kNone;
  }
  if (std::holds_alternative<Concat>(node.op)) return node.inputs.size() == 1 ? first : kNone;
  if (const auto* binary = std::get_if<Binary>(&node.op)) {
    return neutral_operand(graph, node, binary->kind);
  }
  return kNone;
}

}  // namespace

bool remove_identities(Graph& graph) {
  return rewrite_nodes(graph, [&](NodeId id) {
    const Node& node = graph.node(id);
    if (settle_type(graph, node)) return true;
    const ValueId input = candidate(graph, node);
    const ValueId output = node.outputs[0];
    if (input == kNone || graph.type(input) != graph.type(output)) return false;
    if (!can_replace(graph, output, input)) return false;
    GraphEdit edit(graph);
    edit.replace(output, input);
    edit.apply();
    return true;
  });
}

}  // namespace tendon
