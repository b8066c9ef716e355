// Recognises tensors that were taken apart and put together again.
#include <algorithm>

#include "passes/passes.h"
#include "passes/selection.h"
#include "passes/view.h"

namespace tendon {
namespace {

/// An operand of a Concat as a piece of another tensor, reshaped.
struct Piece {
  Selection selection;
  /// The operand's shape.
  Shape shape;

  bool continues(const Piece& before) const {
    return selection.source == before.selection.source && selection.axis == before.selection.axis &&
           selection.count == before.selection.count && shape == before.shape &&
           selection.start == before.selection.start + before.selection.count;
  }
};

std::optional<Piece> piece_of(const Graph& graph, ValueId id) {
  const ViewOf view = view_of(graph, id);
  if (!view.view.is_dense()) return std::nullopt;
  const auto selection = selection_of(graph, view.base);
  if (!selection || selection->count == 0) return std::nullopt;
  return Piece{*selection, graph.shape(id)};
}

/// How `run` consecutive pieces, joined along `axis` of their shape, are a view of the places that
/// they cover, or nothing where they are none.
std::optional<View> joined_view(const Shape& covered, const Piece& first, int64_t run, int axis) {
  if (covered.rank() == Shape::kMaxRank || first.shape.rank() == Shape::kMaxRank) {
    return std::nullopt;
  }
  const int along = first.selection.axis;
  Shape pieces;  // the covered places with their axis as (run, count)
  std::vector<int64_t> run_first{along};
  for (int i = 0; i < covered.rank(); ++i) {
    if (i == along) pieces.push_back(run);
    pieces.push_back(i == along ? first.selection.count : covered[i]);
  }
  for (int64_t i = 0; i < pieces.rank(); ++i) {
    if (i != along) run_first.push_back(i);
  }
  Shape stacked{run};
  std::vector<int64_t> run_inside;
  for (int64_t i = 0; i < first.shape.rank(); ++i) {
    stacked.push_back(first.shape[static_cast<int>(i)]);
    if (i == axis) run_inside.push_back(0);
    run_inside.push_back(i + 1);
  }
  View view(covered);
  if (!view.reshape(pieces)) return std::nullopt;
  view.transpose(run_first);
  if (!view.reshape(stacked)) return std::nullopt;
  view.transpose(run_inside);
  return view;
}

/// The joined pieces, or kNone where they are no view.
ValueId add_joined(GraphEdit& edit, const Piece& first, int64_t run, int axis,
                   const std::string& name) {
  Selection all = first.selection;
  all.count *= run;
  all.squeezed = false;
  Shape covered = edit.type(all.source).shape;
  covered[all.axis] = all.count;
  Shape joined = first.shape;
  joined[axis] *= run;
  if (covered.element_count() == 0) return kNone;
  const auto view = joined_view(covered, first, run, axis);
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
          run > 1 ? add_joined(edit, *first, static_cast<int64_t>(run), axis, node.name) : kNone;
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
