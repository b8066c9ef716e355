// Moves selections up to where they leave work undone.
#include <algorithm>

#include "passes/passes.h"
#include "passes/selection.h"
#include "passes/view.h"

namespace tendon {
namespace {

/// One step up; the value that replaces `id`, or nothing where the selection stays.
using Step = std::optional<ValueId>;

Step through_concat(GraphEdit& edit, const Graph& graph, const Node& concat, int64_t axis,
                    const Selection& selection, const std::string& name) {
  const int along = normalize_axis(axis, graph.shape(selection.source).rank());
  if (along != selection.axis) return std::nullopt;
  const int64_t end = selection.start + selection.count;
  std::vector<ValueId> parts;
  int64_t offset = 0;
  for (const ValueId operand : concat.inputs) {
    const int64_t size = graph.shape(operand)[along];
    const int64_t first = std::max(selection.start, offset);
    const int64_t last = std::min(end, offset + size);
    if (first < last) {
      parts.push_back(add_selection(
          edit, {operand, along, first - offset, last - first, selection.squeezed}, name));
    }
    offset += size;
  }
  if (parts.size() == concat.inputs.size()) return std::nullopt;
  if (parts.size() == 1) return parts[0];
  return edit.add_node(Concat{{}, along}, std::move(parts), name);
}

Step through_transpose(GraphEdit& edit, const Graph& graph, const Node& node,
                       const Transpose& transpose, const Selection& selection,
                       const std::string& name) {
  std::vector<int64_t> perm = transpose.permutation(graph.shape(selection.source).rank());
  const int64_t axis = perm[static_cast<size_t>(selection.axis)];
  Selection above = selection;
  above.source = node.inputs[0];
  above.axis = static_cast<int>(axis);
  if (selection.squeezed) {
    perm.erase(perm.begin() + selection.axis);
    for (int64_t& other : perm) other -= other > axis ? 1 : 0;
  }
  return add_transpose(edit, add_selection(edit, above, name), perm, name);
}

Step through_reshape(GraphEdit& edit, const Graph& graph, const Node& node,
                     const Selection& selection, const Shape& shape, const std::string& name) {
  const ValueId input = node.inputs[0];
  const auto axis =
      axis_before_reshape(graph.shape(input), graph.shape(selection.source), selection.axis);
  if (!axis) return std::nullopt;
  Selection above = selection;
  above.source = input;
  above.axis = *axis;
  return add_reshape(edit, add_selection(edit, above, name), shape, name);
}

Step through_selection(GraphEdit& edit, const Graph& graph, const Selection& selection,
                       const std::string& name) {
  const auto outer = selection_of(graph, selection.source);
  if (!outer || outer->squeezed || outer->axis != selection.axis) return std::nullopt;
  return add_selection(edit,
                       {outer->source, outer->axis, outer->start + selection.start, selection.count,
                        selection.squeezed},
                       name);
}

/// Whether moving up through rearrangements ends at operands or places that can be left out. A
/// Split of a Transpose, say, would only become many Transposes.
bool leads_to_choice(const Graph& graph, Selection selection) {
  for (;;) {
    const Node* node = graph.producer(selection.source);
    if (node == nullptr) return false;
    const Shape& shape = graph.shape(selection.source);
    if (const auto* concat = std::get_if<Concat>(&node->op)) {
      return normalize_axis(concat->axis, shape.rank()) == selection.axis;
    }
    if (const auto* transpose = std::get_if<Transpose>(&node->op)) {
      const auto perm = transpose->permutation(shape.rank());
      selection.axis = static_cast<int>(perm[static_cast<size_t>(selection.axis)]);
    } else if (is_reshape_node(*node)) {
      const auto axis = axis_before_reshape(graph.shape(node->inputs[0]), shape, selection.axis);
      if (!axis) return false;
      selection.axis = *axis;
    } else {
      const auto outer = selection_of(graph, selection.source);
      return outer && !outer->squeezed && outer->axis == selection.axis;
    }
    selection.source = node->inputs[0];
  }
}

Step step_up(GraphEdit& edit, const Graph& graph, const Selection& selection, ValueId id,
             const std::string& name) {
  if (selection.count == graph.shape(selection.source)[selection.axis]) {
    return add_selection(edit, selection, name);
  }
  const Node* source = graph.producer(selection.source);
  if (source == nullptr || !leads_to_choice(graph, selection)) return std::nullopt;
  if (const auto* concat = std::get_if<Concat>(&source->op)) {
    return through_concat(edit, graph, *source, concat->axis, selection, name);
  }
  if (const auto* transpose = std::get_if<Transpose>(&source->op)) {
    return through_transpose(edit, graph, *source, *transpose, selection, name);
  }
  if (is_reshape_node(*source)) {
    return through_reshape(edit, graph, *source, selection, graph.shape(id), name);
  }
  return through_selection(edit, graph, selection, name);
}

}  // namespace

bool push_selections(Graph& graph) {
  return rewrite_nodes(graph, [&](NodeId id) {
    bool changed = false;
    for (const ValueId output : std::vector<ValueId>(graph.node(id).outputs)) {
      if (output == kNone || graph.use_count(output) == 0) continue;
      const auto selection = selection_of(graph, output);
      if (!selection || selection->count == 0) continue;
      GraphEdit edit(graph);
      const Step moved = step_up(edit, graph, *selection, output, graph.node(id).name);
      if (!moved || !can_replace(graph, output, *moved)) continue;
      edit.replace(output, *moved);
      edit.apply();
      changed = true;
    }
    return changed;
  });
}

}  // namespace tendon
