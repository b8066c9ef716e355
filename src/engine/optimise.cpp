// The passes as the engine runs them.
#include "engine/build.h"
#include "ir/graph_edit.h"

namespace tendon {

std::vector<PassRecord> optimise(Graph& graph, const BuildInfo& info) {
  if (!info.optimised) return {};
  remove_unused_nodes(graph);
  return {};
}

}  // namespace tendon
