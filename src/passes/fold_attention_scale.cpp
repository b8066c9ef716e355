// The factor of an attention's scores goes into the product that makes the queries.
#include <cmath>

#include "base/data_type.h"
#include "passes/passes.h"
#include "passes/view.h"

namespace tendon {
namespace {

/// The constants of a product that a factor of its result goes into; nothing where they are not
/// constants, something else reads them, or what follows is not linear.
std::optional<std::vector<size_t>> scaled_constants(const Graph& graph, const Node& node) {
  std::vector<size_t> places;
  if (const auto* product = std::get_if<FusedMatMul>(&node.op)) {
    if (product->activation != Activation::kNone) return std::nullopt;
    places = {1, 2, 3};
  } else if (const auto* codes = std::get_if<QuantizedMatMul>(&node.op)) {
    if (codes->activation != Activation::kNone || input_of(node, 4) != kNone) return std::nullopt;
    places = {2, 3};
  } else {
    return std::nullopt;
  }
  std::erase_if(places, [&](size_t place) { return input_of(node, place) == kNone; });
  for (const size_t place : places) {
    const ValueId id = node.inputs[place];
    if (!graph.is_constant(id) || !is_floating(graph.type(id).dtype) || graph.use_count(id) != 1) {
      return std::nullopt;
    }
  }
  return places;
}

}  // namespace

bool fold_attention_scale(Graph& graph) {
  return rewrite_nodes(graph, [&](NodeId id) {
    const Node attention = graph.node(id);
    const auto* op = std::get_if<Attention>(&attention.op);
    if (op == nullptr || op->scale == 1 || op->scale == 0 || !std::isfinite(op->scale)) {
      return false;
    }
    const ValueId q = attention.inputs[0];
    const ViewOf found = view_of(graph, q);
    const Node* product = graph.producer(found.base);
    if (product == nullptr || sole_reader(graph, q) == kNone ||
        sole_reader(graph, found.base) == kNone || !is_floating(graph.type(q).dtype)) {
      return false;
    }
    const auto is_read_once = [&](NodeId node) {
      return sole_reader(graph, graph.node(node).outputs[0]) != kNone;
    };
    if (!std::ranges::all_of(found.nodes, is_read_once)) return false;
    const auto places = scaled_constants(graph, *product);
    if (!places) return false;
    GraphEdit edit(graph);
    std::vector<ValueId> inputs = product->inputs;
    for (const size_t place : *places) {
      inputs[place] = add_constant_scaled(edit, graph, inputs[place], op->scale);
    }
    // Another value than the one that was calibrated, so it gets another name.
    const ValueId scaled = edit.add_node(product->op, std::move(inputs), product->name);
    edit.set_name(scaled, graph.value(found.base).name + ".scaled");
    Attention plain = *op;
    plain.scale = 1;
    std::vector<ValueId> operands = attention.inputs;
    operands[0] = found.view.add_to(edit, scaled, graph.shape(q), graph.value(q).name + ".scaled");
    edit.replace(attention.outputs[0], edit.add_node(plain, std::move(operands), attention.name));
    edit.apply();
    return true;
  });
}

}  // namespace tendon
