// Moves the bias of an attention's values behind the product that reads the attention.
#include <algorithm>

#include "passes/passes.h"
#include "passes/product_bias.h"

namespace tendon {
namespace {

/// Whether the last axis of `id` is the whole last axis of what it is a view of.
bool keeps_columns(const Graph& graph, const View& view, ValueId base, ValueId id) {
  return view.is_axis_of_base(graph.shape(id).rank() - 1, graph.shape(base),
                              graph.shape(base).rank() - 1);
}

/// What alone reads `id`, behind nodes that rearrange rows alone; kNone where there is more.
NodeId reader_of_rows(const Graph& graph, ValueId id, ValueId& rows) {
  rows = id;
  for (;;) {
    const NodeId reader = sole_reader(graph, rows);
    if (reader == kNone || !is_view_node(graph.node(reader))) return reader;
    rows = graph.node(reader).outputs[0];
  }
}

}  // namespace

bool fold_value_bias(Graph& graph) {
  return rewrite_nodes(graph, [&](NodeId id) {
    const Node attention = graph.node(id);
    const auto* op = std::get_if<Attention>(&attention.op);
    // Softmax gives rows that sum to 1: an Attention knows no masks that could leave one empty.
    if (op == nullptr || op->width != 0) return false;
    const ValueId v = attention.inputs[2];
    const auto product = biased_product(graph, v);
    if (!product) return false;
    const Node values = graph.node(product->node);
    if (!keeps_columns(graph, product->view, values.outputs[0], v)) return false;
    ValueId rows = kNone;
    const NodeId reader = reader_of_rows(graph, attention.outputs[0], rows);
    if (reader == kNone || !multiplies_rows(graph, reader, rows)) return false;
    const ViewOf behind = view_of(graph, rows);
    if (behind.base != attention.outputs[0] ||
        !keeps_columns(graph, behind.view, behind.base, rows)) {
      return false;
    }
    const Node next = graph.node(reader);
    std::vector<ValueId> inputs = next.inputs;
    inputs.resize(std::max<size_t>(inputs.size(), 3), kNone);
    GraphEdit edit(graph);
    inputs[2] = edit.add_constant(bias_behind(graph, next, product->bias), next.name + ".bias");
    edit.replace(next.outputs[0], edit.add_node(next.op, std::move(inputs), next.name));
    drop_bias(edit, graph, *product);
    edit.apply();
    return true;
  });
}

}  // namespace tendon
