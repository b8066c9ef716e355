// Constant nodes, which become initializers on import.
#pragma once

#include "ops/onnx_node.h"

namespace tendon {

/// The value of a Constant node: exactly one of value, value_float, value_floats, value_int and
/// value_ints. Throws Error{kUnsupported} for strings and sparse values.
Tensor tensor_from_constant_attributes(const OnnxNode& node);

}  // namespace tendon
