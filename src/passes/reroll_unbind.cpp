// Recognises tensors that were taken apart and put together again.
#include <algorithm>

#include "passes/passes.h"
#include "passes/selection.h"
#include "passes/view.h"

namespace tendon {
namespace {

/// An operand of a Concat as a rearranged piece of another tensor.
struct Piece {
  Selection selection;
  View view;
  /// From the operand up to the selection.
  std::vector<NodeId> nodes;
  Shape shape;

  bool continues(const Piece& before) const {
    return selection.source == before.selection.source && selection.axis == before.selection.axis &&
           selection.count == before.selection.count &&
           selection.squeezed == before.selection.squeezed && shape == before.shape &&
           view.same_order(before.view) &&
           selection.start == before.selection.start + before.selection.count;
  }
};

std::optional<Piece> piece_of(const Graph& graph, ValueId id) {
  ViewOf view = view_of(graph, id);
  const auto selection = selection_of(graph, view.base);
  if (!selection || selection->count == 0) return std::nullopt;
  return Piece{*selection, std::move(view.view), std::move(view.nodes), graph.shape(id)};
}

/// `shape` with `size` as an axis before `axis`.
Shape with_axis(const Shape& shape, int axis, int64_t size) {
  Shape result;
  for (int i = 0; i <= shape.rank(); ++i) {
    if (i == axis) result.push_back(size);
    if (i < shape.rank()) result.push_back(shape[i]);
  }
  return result;
}

/// Moves axis `from` to `to`.
std::vector<int64_t> moving(int rank, int from, int to) {
  std::vector<int64_t> perm;
  for (int axis = 0; axis < rank; ++axis) {
    if (axis != from) perm.push_back(axis);
  }
  perm.insert(perm.begin() + to, from);
  return perm;
}

/// Does to every piece of a stack what a node does to one of them.
bool apply_to_stack(View& view, const Graph& graph, const Node& node, int64_t run) {
  if (const auto* transpose = std::get_if<Transpose>(&node.op)) {
    std::vector<int64_t> perm{0};
    for (const int64_t axis : transpose->permutation(graph.shape(node.inputs[0]).rank())) {
      perm.push_back(axis + 1);
    }
    view.transpose(perm);
    return true;
  }
  return view.reshape(with_axis(graph.shape(node.outputs[0]), 0, run));
}

/// How `run` consecutive pieces, joined along `axis` of their shape, are a view of the places that
/// they cover, or nothing where they are none.
std::optional<View> joined_view(const Graph& graph, const Shape& covered, const Piece& first,
                                int64_t run, int axis) {
  const int along = first.selection.axis;
  Shape piece = covered;
  piece[along] = first.selection.count;
  View view(covered);
  if (!view.reshape(with_axis(piece, along, run))) return std::nullopt;
  view.transpose(moving(piece.rank() + 1, along, 0));
  if (first.selection.squeezed) {
    Shape squeezed{run};
    for (int i = 0; i < piece.rank(); ++i) {
      if (i != along) squeezed.push_back(piece[i]);
    }
    if (!view.reshape(squeezed)) return std::nullopt;
  }
  for (auto node = first.nodes.rbegin(); node != first.nodes.rend(); ++node) {
    if (!apply_to_stack(view, graph, graph.node(*node), run)) return std::nullopt;
  }
  view.transpose(moving(first.shape.rank() + 1, 0, axis));
  return view;
}

/// The joined pieces, or kNone where they are no view.
ValueId add_joined(GraphEdit& edit, const Graph& graph, const Piece& first, int64_t run, int axis,
                   const std::string& name) {
  Selection all = first.selection;
  all.count *= run;
  all.squeezed = false;
  Shape covered = edit.type(all.source).shape;
  covered[all.axis] = all.count;
  Shape joined = first.shape;
  joined[axis] *= run;
  const bool ranks_fit = std::ranges::all_of(first.nodes, [&](NodeId node) {
    return graph.shape(graph.node(node).outputs[0]).rank() < Shape::kMaxRank;
  });
  if (covered.element_count() == 0 || covered.rank() == Shape::kMaxRank || !ranks_fit) return kNone;
  const auto view = joined_view(graph, covered, first, run, axis);
  if (!view || !view->cost(covered, joined)) return kNone;
  return view->add_to(edit, add_selection(edit, all, name), joined, name);
}

}  // namespace

bool reroll_unbind(Graph& graph) {
  return rewrite_nodes(graph, [&](NodeId id) {
    const auto* concat = std::get_if<Concat>(&graph.node(id).op);
    if (concat == nullptr || graph.node(id).inputs.size() < 2) return false;
    const Node node = graph.node(id);
    const int axis = normalize_axis(concat->axis, graph.shape(node.outputs[0]).rank());
    GraphEdit edit(graph);
    std::vector<ValueId> operands;
    for (size_t i = 0; i < node.inputs.size();) {
      const auto first = piece_of(graph, node.inputs[i]);
      size_t run = 1;
      for (auto last = first; last && i + run < node.inputs.size(); ++run) {
        const auto next = piece_of(graph, node.inputs[i + run]);
        if (!next || !next->continues(*last)) break;
        last = next;
      }
      const ValueId joined =
          run > 1 ? add_joined(edit, graph, *first, static_cast<int64_t>(run), axis, node.name)
                  : kNone;
      if (joined != kNone) {
        operands.push_back(joined);
      } else {
        operands.insert(operands.end(), node.inputs.begin() + static_cast<ptrdiff_t>(i),
                        node.inputs.begin() + static_cast<ptrdiff_t>(i + run));
      }
      i += run;
    }
    if (operands.size() == node.inputs.size()) return false;
    const ValueId joined = operands.size() == 1
                               ? operands[0]
                               : edit.add_node(Concat{{}, axis}, std::move(operands), node.name);
    if (!can_replace(graph, node.outputs[0], joined)) return false;
    edit.replace(node.outputs[0], joined);
    edit.apply();
    return true;
  });
}

}  // namespace tendon
