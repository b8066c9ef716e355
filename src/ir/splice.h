// Graphs with a node more or a node less.
#pragma once

#include <string>
#include <vector>

#include "ir/graph.h"

namespace tendon {

/// A node by the names of the values around it; an empty input is left out.
struct SplicedNode {
  std::string name;
  Op op;
  std::vector<std::string> inputs;
  std::vector<std::string> outputs;
};

/// The graph with the node in it. An output that names a value of the graph takes its place for
/// everything that reads it; where the node itself reads it too, the value from before is renamed
/// ("y" to "y.before"), or keeps its name if it is an input of the graph. An output under a new
/// name becomes an output of the graph. Only a node that makes nothing any more goes. Throws
/// Error{kUsage} for an input that the graph lacks, a constant or unread input as output, and a
/// cycle.
Graph with_node_inserted(const Graph& graph, const SplicedNode& node);

/// The graph without the nodes of these names: what reads a node's only used output reads its first
/// input instead, which must not be a constant. An output of the graph keeps its name. Throws
/// Error{kUsage} for a name that the graph lacks and a node that cannot be left out.
Graph with_nodes_removed(const Graph& graph, const std::vector<std::string>& names);

}  // namespace tendon
