// Attributes of older opsets that are inputs now, moved in both directions by ops/opset_forms.h.
#pragma once

#include <functional>

#include "ops/onnx_node.h"

namespace tendon {

/// Moves the attributes that the node's opset still has to inputs; `add_constant` names a new
/// constant.
void move_attributes_to_inputs(OnnxNode& node,
                               const std::function<std::string(Tensor)>& add_constant);

/// Moves inputs back to the attributes that the node's opset expects. `find_constant` gives an
/// input's elements, or null where they are computed, which throws Error{kUnsupported}.
void move_inputs_to_attributes(
    OnnxNode& node, const std::function<const Tensor*(const std::string&)>& find_constant);

}  // namespace tendon
