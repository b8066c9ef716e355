// Text and dot pictures of a graph, for people.
#pragma once

#include <string>

#include "ir/graph.h"

namespace tendon {

/// One line a node in execution order, `%y: float32(1, 3) = Conv(strides=[2, 2]) %x, %w`, between
/// one line an input or constant and one with the outputs. Integer constants of at most eight
/// elements show their values.
std::string text_from_graph(const Graph& graph);

/// Graphviz' language: nodes as boxes, values as edges labelled with their types; constants are
/// left out.
std::string dot_from_graph(const Graph& graph);

}  // namespace tendon
