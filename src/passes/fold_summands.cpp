// Moves constant summands, such as positions, behind the products that read their sums.
#include <algorithm>

#include "base/data_type.h"
#include "passes/passes.h"
#include "passes/rewrite.h"

namespace tendon {
namespace {

/// x and p where `id` is x + p, p is constant and what p adds to the rows of a product needs no
/// other shape than that product's result or one row.
struct Sum {
  ValueId x = kNone;
  ValueId p = kNone;
};

std::optional<Sum> sum_of(const Graph& graph, ValueId id) {
  const auto* binary = graph.producer_op<Binary>(id);
  if (binary == nullptr || binary->kind != BinaryKind::kAdd || !is_floating(graph.type(id).dtype)) {
    return std::nullopt;
  }
  const Shape& shape = graph.shape(id);
  const std::vector<ValueId>& inputs = graph.producer(id)->inputs;
  for (const size_t i : {size_t{0}, size_t{1}}) {
    const Sum sum{inputs[1 - i], inputs[i]};
    if (!graph.is_constant(sum.p) || graph.is_constant(sum.x) ||
        graph.type(sum.x) != graph.type(id)) {
      continue;
    }
    const Shape p = without_leading_ones(graph.shape(sum.p));
    const bool is_row = p.rank() == 1 && p.back() == shape.back();
    if (is_row || p.element_count() == shape.element_count()) return sum;
  }
  return std::nullopt;
}

/// Whether a reader of the sum is a product with constants that can add more after it.
bool takes_summand(const Graph& graph, ValueId sum, NodeId reader) {
  const Node& node = graph.node(reader);
  if (!std::holds_alternative<FusedMatMul>(node.op) || node.inputs[0] != sum) return false;
  const ValueId weight = node.inputs[1];
  const ValueId bias = input_of(node, 2);
  return graph.is_constant(weight) && graph.shape(weight).rank() == 2 &&
         (bias == kNone || graph.is_constant(bias)) && input_of(node, 3) != sum;
}

}  // namespace

bool fold_summands(Graph& graph) {
  return rewrite_nodes(graph, [&](NodeId id) {
    const ValueId output = graph.node(id).outputs[0];
    if (output == kNone || graph.is_output(output)) return false;
    const auto sum = sum_of(graph, output);
    const std::vector<NodeId> readers = graph.value(output).readers;
    const bool all_take_it =
        sum && !readers.empty() && std::ranges::all_of(readers, [&](NodeId reader) {
          return takes_summand(graph, output, reader);
        });
    if (!all_take_it) return false;
    GraphEdit edit(graph);
    for (const NodeId reader : readers) {
      const Node& node = graph.node(reader);
      FusedMatMul moved = std::get<FusedMatMul>(node.op);
      moved.activation = Activation::kNone;
      const std::string name = node.name + ".bias";
      const Shape p = without_leading_ones(graph.shape(sum->p));
      const ValueId rows =
          p.rank() == 1 ? add_constant_reshaped(edit, graph, sum->p, {1, p.back()}) : sum->p;
      ValueId bias = edit.add_node(moved, {rows, node.inputs[1]}, name);
      if (const ValueId old = input_of(node, 2); old != kNone) {
        bias = edit.add_node(Binary{BinaryKind::kAdd}, {bias, old}, name);
      }
      bias = add_reshape(edit, bias, without_leading_ones(edit.type(bias).shape), name);
      std::vector<ValueId> all = node.inputs;
      all[0] = sum->x;
      all.resize(std::max<size_t>(all.size(), 3), kNone);
      all[2] = bias;
      edit.replace(node.outputs[0], edit.add_node(node.op, std::move(all), node.name));
    }
    edit.apply();
    return true;
  });
}

}  // namespace tendon
