// graph_sha256: what a graph is, whatever file it came from.
#pragma once

#include <string>

#include "ir/graph.h"

namespace tendon {

/// Of inputs, outputs, operators with their attributes, constants and the names of values, in
/// topological order. How a file stores them, and nodes that no output needs, make no difference.
std::string graph_sha256(const Graph& graph);

}  // namespace tendon
