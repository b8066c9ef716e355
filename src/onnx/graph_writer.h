// From a graph to the messages of an ONNX model, weights left where they are.
#pragma once

#include <string>
#include <vector>

#include "ir/graph.h"
#include "onnx/wire.h"

namespace tendon {

struct Weight {
  std::string name;
  Tensor tensor;
};

/// A model whose GraphProto still lacks its initializers.
struct ModelParts {
  /// All fields of ModelProto but the graph.
  WireWriter model;
  /// All fields of GraphProto but the initializers.
  WireWriter graph;
  /// The initializers, in the order of values.
  std::vector<Weight> weights;
};

/// Throws as write_onnx_file does.
ModelParts model_parts_from_graph(const Graph& graph, int opset);

}  // namespace tendon
