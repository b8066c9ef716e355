// Replaces chains of rearrangements by as few nodes as the order of the elements asks for.
#include "passes/passes.h"
#include "passes/view.h"

namespace tendon {
namespace {

/// Comparable with View::cost; other ways to spell a Reshape cost more than a Reshape.
int chain_cost(const Graph& graph, const std::vector<NodeId>& nodes) {
  int cost = 0;
  for (const NodeId id : nodes) {
    const Op& op = graph.node(id).op;
    cost += std::holds_alternative<Transpose>(op) ? View::kTransposeCost
            : std::holds_alternative<Reshape>(op) ? 1
                                                  : 2;
  }
  return cost;
}

}  // namespace

bool merge_views(Graph& graph) {
  return rewrite_nodes(graph, [&](NodeId id) {
    if (!is_view_node(graph.node(id))) return false;
    const ValueId output = graph.node(id).outputs[0];
    const ViewOf found = view_of(graph, output);
    const auto cost = found.view.cost(graph.shape(found.base), graph.shape(output));
    if (!cost || *cost >= chain_cost(graph, found.nodes)) return false;
    if (*cost == 0 && !can_replace(graph, output, found.base)) return false;
    GraphEdit edit(graph);
    edit.replace(output,
                 found.view.add_to(edit, found.base, graph.shape(output), graph.node(id).name));
    edit.apply();
    return true;
  });
}

}  // namespace tendon
