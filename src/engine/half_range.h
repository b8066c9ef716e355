// What float16 cannot hold, as far as constants and calibrated ranges tell.
#pragma once

#include <tendon/ranges.h>

#include <string>

#include "ir/graph.h"

namespace tendon {

/// Whether it is one of the layers that 16 bits pay in: products of floating factors.
bool is_half_product(const Node& node);

/// Why a layer cannot be float16, to be read behind "it": a constant beyond the range, weights that
/// rounding changes too much, or values that were beyond the range, or below that of normal
/// numbers, in `ranges`. Empty where nothing is known against it.
std::string objection_to_half(const Graph& graph, const Node& node, const Ranges& ranges);

}  // namespace tendon
