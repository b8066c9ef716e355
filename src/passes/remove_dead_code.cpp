// Removes what no output depends on.
#include "ir/graph_edit.h"
#include "passes/passes.h"

namespace tendon {

bool remove_dead_code(Graph& graph) { return remove_unused_nodes(graph) > 0; }

}  // namespace tendon
