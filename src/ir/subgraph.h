// Parts of a graph as graphs of their own.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "ir/graph.h"

namespace tendon {

/// A value that becomes an input.
struct CutInput {
  std::string name;
  DataType dtype = DataType::kFloat32;
  std::vector<Dim> dims;
};

/// What computes `outputs` out of `inputs`, which may be any values, under the same names; without
/// inputs, out of those of the graph that are needed. Throws Error{kUsage} for a name that the
/// graph lacks, for a constant as input and for an input of the graph that is needed but not
/// listed.
Graph subgraph(const Graph& graph, std::span<const CutInput> inputs,
               std::span<const std::string> outputs);

/// The graph with every node computed that reads constants alone, as far as
/// limits().max_folded_bytes allows. Open dimensions stay open. Nodes that make an output stay.
Graph with_constants_folded(const Graph& graph);

}  // namespace tendon
