// From the structs of an ONNX model to a graph.
#pragma once

#include "ir/graph.h"
#include "onnx/importer.h"
#include "onnx/tensor_reader.h"

namespace tendon {

/// What graph_from_onnx_path promises, for a model that is read; errors do not name the file.
Graph graph_from_model(ModelProto model, const TensorSource& source, const ImportOptions& options);

}  // namespace tendon
