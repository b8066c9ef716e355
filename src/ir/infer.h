// Shape inference over a graph whose inputs have fixed shapes.
#pragma once

#include <map>
#include <string>

#include "ir/graph.h"

namespace tendon {

/// The whole shape of every input, in the graph's order: `shapes` holds those to fix; symbols that
/// get a size this way fix the other inputs that use them, symbols still open become 1 with one
/// warning. Throws Error{kUsage} for an unknown input name or a shape that contradicts the model,
/// naming both shapes.
std::vector<Shape> resolve_input_shapes(const Graph& graph,
                                        const std::map<std::string, Shape>& shapes);

/// Fixes the symbolic dimensions as resolve_input_shapes says, then runs infer_shapes.
void bind_inputs(Graph& graph, const std::map<std::string, Shape>& shapes);

/// Sets the type of every value. Follows constants through shape arithmetic (Shape, Gather, Concat,
/// …) so that shapes computed in the graph become known. Errors name the node.
void infer_shapes(Graph& graph);

}  // namespace tendon
