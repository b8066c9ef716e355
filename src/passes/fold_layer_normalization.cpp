// Moves a LayerNormalization's scale and bias into the products that read it.
#include <algorithm>

#include "base/data_type.h"
#include "passes/linear.h"
#include "passes/passes.h"
#include "passes/product_bias.h"

namespace tendon {
namespace {

struct RowAffine {
  std::vector<double> scale;
  std::vector<double> bias;
};

/// What a normalization over the last axis does behind its division; nothing where it does nothing.
std::optional<RowAffine> row_affine(const Graph& graph, const Node& node) {
  const auto* norm = std::get_if<LayerNormalization>(&node.op);
  if (norm == nullptr || node.outputs.size() != 1) return std::nullopt;
  const Shape& shape = graph.shape(node.outputs[0]);
  const int last = shape.rank() - 1;
  if (normalize_axis(norm->axis, last + 1) != last) return std::nullopt;
  auto scale = values_along(graph, node.inputs[1], shape, last);
  const ValueId shift = input_of(node, 2);
  auto bias = shift == kNone ? std::vector<double>(static_cast<size_t>(shape.back()))
                             : values_along(graph, shift, shape, last);
  if (!scale || !bias) return std::nullopt;
  const bool plain =
      shift == kNone && std::ranges::all_of(*scale, [](double factor) { return factor == 1; });
  if (plain) return std::nullopt;
  return RowAffine{std::move(*scale), std::move(*bias)};
}

bool keeps_rows(const Graph& graph, const Node& node) {
  if (const auto* transpose = std::get_if<Transpose>(&node.op)) {
    const int rank = graph.shape(node.inputs[0]).rank();
    return transpose->permutation(rank).back() == rank - 1;
  }
  return is_reshape_node(node) && graph.shape(node.outputs[0]).rank() > 0 &&
         graph.shape(node.outputs[0]).back() == graph.shape(node.inputs[0]).back();
}

/// Adds the products that read `rows`, also through nodes that keep each row in one piece; false
/// where something else does.
bool find_products(const Graph& graph, ValueId rows, std::vector<NodeId>& products) {
  if (graph.is_output(rows)) return false;
  return std::ranges::all_of(graph.value(rows).readers, [&](NodeId reader) {
    const Node& node = graph.node(reader);
    if (keeps_rows(graph, node)) return find_products(graph, node.outputs[0], products);
    // Weights that something else reads as well would have to be kept twice.
    if (!multiplies_rows(graph, reader, rows) || graph.use_count(node.inputs[1]) != 1) return false;
    products.push_back(reader);
    return true;
  });
}

}  // namespace

bool fold_layer_normalization(Graph& graph) {
  return rewrite_nodes(graph, [&](NodeId id) {
    const Node norm = graph.node(id);
    const auto affine = row_affine(graph, norm);
    std::vector<NodeId> products;
    if (!affine || !find_products(graph, norm.outputs[0], products) || products.empty()) {
      return false;
    }
    GraphEdit edit(graph);
    const std::vector<double> ones(affine->scale.size(), 1.0);
    const ValueId scale = edit.add_constant(
        cast(Tensor::from<double>(Shape{graph.shape(norm.outputs[0]).back()}, ones),
             graph.type(norm.inputs[1]).dtype),
        norm.name + ".ones");
    // Another layer than before, which no report may hold against one that scales.
    const ValueId plain = edit.add_node(norm.op, {norm.inputs[0], scale}, norm.name + ".unscaled");
    for (const NodeId product : products) {
      const Node node = graph.node(product);
      const Value& weight = graph.value(node.inputs[1]);
      const int rows_of_weight = std::get<FusedMatMul>(node.op).trans_b ? 1 : 0;
      std::vector<ValueId> inputs = node.inputs;
      inputs.resize(std::max<size_t>(inputs.size(), 3), kNone);
      if (inputs[0] == norm.outputs[0]) inputs[0] = plain;
      inputs[1] = edit.add_constant(scaled_along(*weight.constant, rows_of_weight, affine->scale),
                                    weight.name);
      inputs[2] = edit.add_constant(bias_behind(graph, node, affine->bias), node.name + ".bias");
      edit.replace(node.outputs[0], edit.add_node(node.op, std::move(inputs), node.name));
    }
    edit.replace(norm.outputs[0], plain);
    edit.apply();
    return true;
  });
}

}  // namespace tendon
