// Moves Transposes down through nodes that do not mind the order of axes, to where they cancel.
#include <algorithm>

#include "passes/passes.h"
#include "passes/rewrite.h"

namespace tendon {
namespace {

/// From channels-last to channels-first, what channels_last leaves behind its nodes.
const std::vector<int64_t> kToFirst = {0, 3, 1, 2};
const std::vector<int64_t> kToLast = {0, 2, 3, 1};

/// x where `id` is a channels-first Transpose of x, else kNone.
ValueId channels_last_source(const Graph& graph, ValueId id) {
  const auto* transpose = graph.producer_op<Transpose>(id);
  return transpose != nullptr && transpose->perm == kToFirst ? graph.producer(id)->inputs[0]
                                                             : kNone;
}

/// A constant that broadcasts against channels-first images, for channels-last ones.
ValueId add_turned(GraphEdit& edit, const Graph& graph, ValueId id) {
  const Value& value = graph.value(id);
  Tensor tensor = *value.constant;
  if (tensor.size() == 1 && tensor.rank() <= 4) return id;
  Shape shape;
  for (int i = tensor.rank(); i < 4; ++i) shape.push_back(1);
  for (const int64_t dim : tensor.shape()) shape.push_back(dim);
  tensor = tensor.reshaped(shape);
  return edit.add_constant(Transpose{.perm = kToLast}.reference({&tensor, 1})[0], value.name);
}

bool quantizes(const Op& op) {
  return std::holds_alternative<QuantizeLinear>(op) || std::holds_alternative<DequantizeLinear>(op);
}

/// The node's operator for channels-last images, where it works on every place by itself.
std::optional<Op> turned(const Node& node) {
  Op op = node.op;
  if (auto* concat = std::get_if<Concat>(&op)) {
    concat->axis = kToFirst[static_cast<size_t>(normalize_axis(concat->axis, 4))];
    return op;
  }
  if (auto* observe = std::get_if<Observe>(&op)) {
    observe->axis = kToFirst[static_cast<size_t>(observe->axis)];
    return op;
  }
  const bool by_element = quantizes(op) || std::holds_alternative<Unary>(op) ||
                          std::holds_alternative<Binary>(op) ||
                          std::holds_alternative<Variadic>(op) ||
                          std::holds_alternative<Clip>(op) || std::holds_alternative<Cast>(op);
  return by_element ? std::optional(op) : std::nullopt;
}

}  // namespace

bool push_transposes(Graph& graph) {
  return rewrite_nodes(graph, [&](NodeId id) {
    const Node node = graph.node(id);
    const ValueId output = node.outputs[0];
    if (graph.shape(output).rank() != 4) return false;
    const std::optional<Op> op = turned(node);
    if (!op) return false;
    if (quantizes(*op) && graph.shape(node.inputs[1]).element_count() != 1) return false;
    GraphEdit edit(graph);
    std::vector<ValueId> inputs = node.inputs;
    bool any = false;
    for (ValueId& input : inputs) {
      if (input == kNone) continue;
      if (graph.is_constant(input)) {
        if (graph.shape(input).rank() > 4) return false;
        input = add_turned(edit, graph, input);
        continue;
      }
      input = channels_last_source(graph, input);
      if (input == kNone) return false;
      any = true;
    }
    if (!any) return false;
    const ValueId last = edit.add_node(*op, std::move(inputs), node.name);
    edit.replace(output, edit.add_node(Transpose{.perm = kToFirst}, {last}, node.name));
    edit.apply();
    return true;
  });
}

}  // namespace tendon
