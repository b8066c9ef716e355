// Turns a NodeProto into the OnnxNode that operators read.
#pragma once

#include "onnx/tensor_reader.h"
#include "ops/onnx_node.h"

namespace tendon {

/// Throws Error{kUnsupported} for attributes that hold graphs, types or sparse tensors; the message
/// names the attribute but not the node.
OnnxNode onnx_node_from_proto(const NodeProto& proto, int opset, const TensorSource& source);

}  // namespace tendon
