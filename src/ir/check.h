// The graph checker: what every pass must leave true.
#pragma once

#include "ir/graph.h"

namespace tendon {

/// Throws Error{kInternal} naming the node or value unless: ids are in range, every value has one
/// producer at most and its readers are exactly the nodes that read it, outputs exist, there is no
/// cycle, and all types are present and equal to what the operators infer.
void check(const Graph& graph);

}  // namespace tendon
