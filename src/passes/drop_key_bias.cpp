// Leaves out biases that add the same to all scores of a query: softmax does not see them.
#include <algorithm>

#include "passes/passes.h"
#include "passes/product_bias.h"

namespace tendon {
namespace {

/// The keys of a softmax over scores, and which of their axes counts them.
struct Keys {
  ValueId id = kNone;
  int axis = 0;
};

bool is_scalar_factor(const Graph& graph, const Node& node, size_t constant) {
  const auto kind = std::get<Binary>(node.op).kind;
  return (kind == BinaryKind::kMul || (kind == BinaryKind::kDiv && constant == 1)) &&
         constant_scalar(graph, node.inputs[constant]).has_value();
}

/// The product of queries with keys that makes `logits`, before scalar factors and summands such as
/// masks; none where something else reads it.
std::optional<Keys> keys_of_logits(const Graph& graph, ValueId logits) {
  for (;;) {
    const Node* node = graph.producer(logits);
    if (node == nullptr || sole_reader(graph, logits) == kNone) return std::nullopt;
    const Shape& shape = graph.shape(logits);
    const auto* product = std::get_if<FusedMatMul>(&node->op);
    if (product != nullptr || std::holds_alternative<MatMul>(node->op)) {
      const ValueId k = node->inputs[1];
      const int rank = graph.shape(k).rank();
      if (rank < 2 || (product != nullptr && product->activation != Activation::kNone)) {
        return std::nullopt;
      }
      return Keys{k, rank - (product != nullptr && product->trans_b ? 2 : 1)};
    }
    if (!std::holds_alternative<Binary>(node->op)) return std::nullopt;
    ValueId next = kNone;
    for (const size_t other : {size_t{1}, size_t{0}}) {
      const ValueId x = node->inputs[1 - other];
      const bool adds =
          std::get<Binary>(node->op).kind == BinaryKind::kAdd &&
          (graph.producer_op<FusedMatMul>(x) != nullptr || graph.producer_op<Binary>(x) != nullptr);
      if (next == kNone && graph.shape(x) == shape &&
          (adds || is_scalar_factor(graph, *node, other))) {
        next = x;
      }
    }
    if (next == kNone) return std::nullopt;
    logits = next;
  }
}

std::optional<Keys> keys_of(const Graph& graph, const Node& node) {
  if (const auto* attention = std::get_if<Attention>(&node.op)) {
    return Keys{node.inputs[1], attention->sequence_first ? 0 : 1};
  }
  const auto* softmax = std::get_if<Softmax>(&node.op);
  if (softmax == nullptr) return std::nullopt;
  const int rank = graph.shape(node.inputs[0]).rank();
  if (normalize_axis(softmax->axis, rank) != rank - 1) return std::nullopt;
  return keys_of_logits(graph, node.inputs[0]);
}

}  // namespace

bool drop_key_bias(Graph& graph) {
  return rewrite_nodes(graph, [&](NodeId id) {
    const auto keys = keys_of(graph, graph.node(id));
    if (!keys) return false;
    const auto product = biased_product(graph, keys->id);
    if (!product) return false;
    const auto columns = static_cast<int64_t>(product->bias.size());
    if (!product->view.steps_over_rows(keys->axis, columns)) return false;
    GraphEdit edit(graph);
    drop_bias(edit, graph, *product);
    edit.apply();
    return true;
  });
}

}  // namespace tendon
