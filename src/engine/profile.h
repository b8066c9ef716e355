// The shapes that an engine is built for.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "engine/engine.h"

namespace tendon {

/// One port for each graph input: its range from `profile`, else the model's own shape with open
/// dimensions as resolve_input_shapes says. Throws Error{kUsage} for min > opt, opt > max, unequal
/// ranks, an unknown input or a shape that contradicts the model.
std::vector<EnginePort> resolve_profile(const Graph& graph, const ShapeProfile& profile);

/// Whether any input has more than one shape.
bool has_range(std::span<const EnginePort> ports);

/// Throws Error{kUsage} naming both shapes when one lies outside its port's range.
void check_shapes(std::span<const EnginePort> ports, std::span<const Shape> shapes);

/// "[min=(1, 3), opt=(2, 3), max=(4, 3)]".
std::string to_string(const ShapeRange& range);

/// Shapes by input name, as bind_inputs takes them.
std::map<std::string, Shape> shapes_by_name(std::span<const EnginePort> ports,
                                            std::span<const Shape> shapes);

}  // namespace tendon
