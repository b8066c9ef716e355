#include "passes/product_bias.h"

#include <algorithm>

#include "base/data_type.h"
#include "passes/linear.h"

namespace tendon {
namespace {

/// Where the node's bias stands, if that is a product without activation.
std::optional<size_t> bias_place(const Node& node) {
  if (const auto* product = std::get_if<FusedMatMul>(&node.op)) {
    if (product->activation == Activation::kNone) return 2;
  }
  if (const auto* product = std::get_if<QuantizedMatMul>(&node.op)) {
    if (product->activation == Activation::kNone) return 3;
  }
  return std::nullopt;
}

}  // namespace

std::optional<BiasedProduct> biased_product(const Graph& graph, ValueId id) {
  ViewOf found = view_of(graph, id);
  const NodeId producer = graph.value(found.base).producer;
  if (producer == kNone || sole_reader(graph, found.base) == kNone) return std::nullopt;
  const auto is_read_once = [&](NodeId node) {
    return sole_reader(graph, graph.node(node).outputs[0]) != kNone;
  };
  if (!std::ranges::all_of(found.nodes, is_read_once)) return std::nullopt;
  const auto place = bias_place(graph.node(producer));
  const ValueId bias = place ? input_of(graph.node(producer), *place) : kNone;
  const Shape& shape = graph.shape(found.base);
  if (bias == kNone || !is_floating(graph.type(found.base).dtype)) return std::nullopt;
  auto row = values_along(graph, bias, shape, shape.rank() - 1);
  if (!row) return std::nullopt;
  return BiasedProduct{producer, *place, std::move(*row), std::move(found.view)};
}

void drop_bias(GraphEdit& edit, const Graph& graph, const BiasedProduct& product) {
  const Node& node = graph.node(product.node);
  std::vector<ValueId> inputs = node.inputs;
  inputs[product.bias_index] = kNone;
  while (inputs.back() == kNone) inputs.pop_back();
  edit.replace(node.outputs[0], edit.add_node(node.op, std::move(inputs), node.name));
}

bool multiplies_rows(const Graph& graph, NodeId id, ValueId rows) {
  const Node& node = graph.node(id);
  if (!std::holds_alternative<FusedMatMul>(node.op) || node.inputs[0] != rows ||
      std::ranges::count(node.inputs, rows) != 1) {
    return false;
  }
  const ValueId weight = node.inputs[1];
  const ValueId bias = input_of(node, 2);
  return graph.is_constant(weight) && is_floating(graph.type(weight).dtype) &&
         graph.shape(weight).rank() == 2 && (bias == kNone || graph.is_constant(bias));
}

Tensor bias_behind(const Graph& graph, const Node& product, std::span<const double> row) {
  const auto wide = [&](ValueId id) { return cast(*graph.value(id).constant, DataType::kFloat64); };
  FusedMatMul op = std::get<FusedMatMul>(product.op);
  op.activation = Activation::kNone;
  const std::vector<Tensor> arguments = {
      Tensor::from<double>(Shape{1, static_cast<int64_t>(row.size())}, row),
      wide(product.inputs[1])};
  Tensor sum = op.reference(arguments)[0];
  sum = sum.reshaped({sum.size()});
  if (const ValueId bias = input_of(product, 2); bias != kNone) {
    const std::vector<Tensor> summands = {sum, wide(bias)};
    sum = Binary{BinaryKind::kAdd}.reference(summands)[0];
  }
  return cast(sum, graph.type(product.outputs[0]).dtype);
}

}  // namespace tendon
