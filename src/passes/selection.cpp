#include "passes/selection.h"

#include <algorithm>

namespace tendon {
namespace {

std::optional<Selection> selection_of_gather(const Graph& graph, const Node& node, int64_t axis) {
  const Shape& shape = graph.shape(node.inputs[0]);
  const auto indices = constant_int64s(graph, node.inputs[1]);
  const int rank = graph.shape(node.inputs[1]).rank();
  if (!indices || indices->empty() || rank > 1) return std::nullopt;
  Selection selection{node.inputs[0], normalize_axis(axis, shape.rank()), 0, 0, rank == 0};
  const auto from_front = [&](int64_t index) {
    return index < 0 ? index + shape[selection.axis] : index;
  };
  selection.start = from_front(indices->front());
  for (const int64_t index : *indices) {
    if (from_front(index) != selection.start + selection.count++) return std::nullopt;
  }
  return selection;
}

std::optional<Selection> selection_of_slice(const Graph& graph, const Node& node) {
  const Shape& shape = graph.shape(node.inputs[0]);
  std::vector<std::vector<int64_t>> lists(4);
  for (size_t i = 0; i < lists.size(); ++i) {
    const ValueId input = input_of(node, i + 1);
    if (input == kNone) continue;
    const auto values = constant_int64s(graph, input);
    if (!values) return std::nullopt;
    lists[i] = *values;
  }
  const auto axes = slice_axes(shape, lists[0], lists[1], lists[2], lists[3]);
  Selection selection{node.inputs[0], 0, 0, shape.rank() == 0 ? 0 : shape[0], false};
  int chosen = 0;
  for (int axis = 0; axis < shape.rank(); ++axis) {
    const SliceAxis& slice = axes[static_cast<size_t>(axis)];
    if (slice.start == 0 && slice.step == 1 && slice.count == shape[axis]) continue;
    if (slice.step != 1 && slice.count != 1) return std::nullopt;
    if (slice.count == 0 || ++chosen > 1) return std::nullopt;
    selection = {node.inputs[0], axis, slice.start, slice.count, false};
  }
  return selection;
}

std::optional<Selection> selection_of_split(const Graph& graph, const Node& node, int64_t axis,
                                            ValueId id) {
  const int along = normalize_axis(axis, graph.shape(node.inputs[0]).rank());
  int64_t start = 0;
  for (const ValueId output : node.outputs) {
    if (output == kNone) return std::nullopt;
    const int64_t count = graph.shape(output)[along];
    if (output == id) return Selection{node.inputs[0], along, start, count, false};
    start += count;
  }
  return std::nullopt;
}

}  // namespace

std::optional<Selection> selection_of(const Graph& graph, ValueId id) {
  const Node* node = graph.producer(id);
  if (node == nullptr) return std::nullopt;
  if (const auto* gather = std::get_if<Gather>(&node->op)) {
    return selection_of_gather(graph, *node, gather->axis);
  }
  if (std::holds_alternative<Slice>(node->op)) return selection_of_slice(graph, *node);
  if (const auto* split = std::get_if<Split>(&node->op)) {
    return selection_of_split(graph, *node, split->axis, id);
  }
  return std::nullopt;
}

ValueId add_selection(GraphEdit& edit, const Selection& selection, const std::string& name) {
  const auto& [source, axis, start, count, squeezed] = selection;
  const Shape shape = edit.type(source).shape;
  if (count == shape[axis]) {
    if (!squeezed) return source;
    Shape without;
    for (int i = 0; i < shape.rank(); ++i) {
      if (i != axis) without.push_back(shape[i]);
    }
    return add_reshape(edit, source, without, name);
  }
  if (squeezed) {
    const ValueId index = edit.add_constant(Tensor::scalar<int64_t>(start), name + ".index");
    return edit.add_node(Gather{{}, axis}, {source, index}, name);
  }
  const auto list = [&](int64_t value, const char* what) {
    return edit.add_constant(Tensor::from<int64_t>(Shape{1}, {value}), name + what);
  };
  return edit.add_node(
      Slice{}, {source, list(start, ".start"), list(start + count, ".end"), list(axis, ".axis")},
      name);
}

std::optional<int> axis_before_reshape(const Shape& from, const Shape& to, int axis) {
  int64_t before = 1;
  for (int i = 0; i < axis; ++i) before *= to[i];
  int64_t product = 1;
  for (int i = 0; i < from.rank(); ++i) {
    if (product == before && from[i] == to[axis]) return i;
    product *= from[i];
  }
  return std::nullopt;
}

}  // namespace tendon
