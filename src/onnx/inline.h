// Writes out what a model nests: calls of its own functions, and the branch that an If with a
// constant condition chooses.
#pragma once

#include "onnx/model.h"
#include "onnx/tensor_reader.h"

namespace tendon {

/// Afterwards no node calls a function of the model. An If whose condition is computed stays.
/// Throws Error{kBadInput} for functions that call each other without end and for a model that
/// becomes larger than limits().max_nodes.
void inline_nested(ModelProto& model, const TensorSource& source);

}  // namespace tendon
