// Moves Transposes down through nodes that do not mind the order of axes, to where they cancel.
#include <algorithm>
#include <numeric>

#include "passes/passes.h"
#include "passes/view.h"

namespace tendon {
namespace {

constexpr int kImageRank = 4;

/// From [..., H, W, C] to [..., C, H, W], what channels_last leaves behind its nodes.
std::vector<int64_t> to_first(int rank) {
  std::vector<int64_t> perm(static_cast<size_t>(rank));
  std::iota(perm.begin(), perm.end(), 0);
  std::rotate(perm.end() - 3, perm.end() - 1, perm.end());
  return perm;
}
std::vector<int64_t> to_last(int rank) {
  std::vector<int64_t> perm(static_cast<size_t>(rank));
  std::iota(perm.begin(), perm.end(), 0);
  std::rotate(perm.end() - 3, perm.end() - 2, perm.end());
  return perm;
}

/// x where `id` is a channels-first Transpose of x with so many axes, else kNone.
ValueId channels_last_source(const Graph& graph, ValueId id, int rank) {
  const NodeId producer = graph.value(id).producer;
  return producer != kNone && graph.shape(id).rank() == rank &&
                 makes_planes(graph, graph.node(producer))
             ? graph.node(producer).inputs[0]
             : kNone;
}

/// A constant that broadcasts against channels-first images, for channels-last ones.
ValueId add_turned(GraphEdit& edit, const Graph& graph, ValueId id, int rank) {
  const Value& value = graph.value(id);
  Tensor tensor = *value.constant;
  if (tensor.size() == 1 && tensor.rank() <= rank) return id;
  Shape shape;
  for (int i = tensor.rank(); i < rank; ++i) shape.push_back(1);
  for (const int64_t dim : tensor.shape()) shape.push_back(dim);
  tensor = tensor.reshaped(shape);
  return edit.add_constant(Transpose{.perm = to_last(rank)}.reference({&tensor, 1})[0], value.name);
}

bool quantizes(const Op& op) {
  return std::holds_alternative<QuantizeLinear>(op) || std::holds_alternative<DequantizeLinear>(op);
}

/// The node's operator for channels-last images, where it works on every place by itself.
std::optional<Op> turned(const Node& node, int rank) {
  Op op = node.op;
  const std::vector<int64_t> axes = to_first(rank);
  if (auto* concat = std::get_if<Concat>(&op)) {
    concat->axis = axes[static_cast<size_t>(normalize_axis(concat->axis, rank))];
    return op;
  }
  if (auto* observe = std::get_if<Observe>(&op)) {
    observe->axis = axes[static_cast<size_t>(observe->axis)];
    return op;
  }
  const bool by_element = quantizes(op) || std::holds_alternative<Unary>(op) ||
                          std::holds_alternative<Binary>(op) ||
                          std::holds_alternative<Variadic>(op) ||
                          std::holds_alternative<Clip>(op) || std::holds_alternative<Cast>(op);
  return by_element ? std::optional(op) : std::nullopt;
}

/// Frames of several cameras become a batch of images before they become planes.
bool push_below_reshape(Graph& graph, const Node& node) {
  if (!std::holds_alternative<Reshape>(node.op)) return false;
  const ValueId planes = node.inputs[0];
  const ValueId frames = channels_last_source(graph, planes, graph.shape(planes).rank());
  const Shape& from = graph.shape(planes);
  const Shape& to = graph.shape(node.outputs[0]);
  if (frames == kNone || from.rank() <= kImageRank || to.rank() != kImageRank ||
      !std::equal(from.end() - 3, from.end(), to.end() - 3)) {
    return false;
  }
  GraphEdit edit(graph);
  const ValueId batch = add_reshape(edit, frames, permuted(to, to_last(kImageRank)), node.name);
  edit.replace(node.outputs[0],
               edit.add_node(Transpose{.perm = to_first(kImageRank)}, {batch}, node.name));
  edit.apply();
  return true;
}

}  // namespace

bool push_transposes(Graph& graph) {
  return rewrite_nodes(graph, [&](NodeId id) {
    const Node node = graph.node(id);
    if (push_below_reshape(graph, node)) return true;
    const ValueId output = node.outputs[0];
    const int rank = graph.shape(output).rank();
    if (rank < kImageRank) return false;
    const std::optional<Op> op = turned(node, rank);
    if (!op) return false;
    if (quantizes(*op) && graph.shape(node.inputs[1]).element_count() != 1) return false;
    GraphEdit edit(graph);
    std::vector<ValueId> inputs = node.inputs;
    bool any = false;
    for (ValueId& input : inputs) {
      if (input == kNone) continue;
      if (graph.is_constant(input)) {
        if (graph.shape(input).rank() > rank) return false;
        input = add_turned(edit, graph, input, rank);
        continue;
      }
      input = channels_last_source(graph, input, rank);
      if (input == kNone) return false;
      any = true;
    }
    if (!any) return false;
    const ValueId last = edit.add_node(*op, std::move(inputs), node.name);
    edit.replace(output, edit.add_node(Transpose{.perm = to_first(rank)}, {last}, node.name));
    edit.apply();
    return true;
  });
}

}  // namespace tendon
