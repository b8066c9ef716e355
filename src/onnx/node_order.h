// Checks that every name of a graph is made once and exists, and orders the nodes.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "onnx/model.h"

namespace tendon {

/// Node indices so that producers come before readers; file order where it allows. Throws
/// Error{kBadInput} naming node and value for a name made twice, a name that nothing makes, a
/// cycle, a node without outputs and a graph output that does not exist or is listed twice.
std::vector<size_t> order_nodes(const GraphProto& graph);

/// "[Conv 'conv1']"; a node without a name is called by its first output.
std::string place_of(const NodeProto& node);

}  // namespace tendon
