// From an operator to the attributes and inputs that one opset has for it.
#pragma once

#include <functional>

#include "onnx/wire.h"
#include "ops/op_set.h"

namespace tendon {

/// The elements of a constant input by its name; null for other values.
using FindConstant = std::function<const Tensor*(const std::string&)>;

/// Fills the attributes of `node` (type, opset, inputs and outputs are given), leaving out those at
/// their defaults, and turns inputs into attributes where its opset asks for it. Throws
/// Error{kUnsupported}, starting with the operator's name, for what the opset cannot express.
void complete_node(OnnxNode& node, const Op& op, const FindConstant& find_constant);

/// A NodeProto.
WireWriter node_message(const OnnxNode& node);

}  // namespace tendon
