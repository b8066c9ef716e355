// The layers of a network that hold weights: what INT8 could run.
#pragma once

#include "passes/linear.h"

namespace tendon {

/// A Conv, Gemm or MatMul with a constant weight, in a graph of ONNX operators.
struct WeightLayer {
  Linear linear;
  std::string name;  ///< the node's
  ValueId input = kNone;
  ValueId weight = kNone;
  ValueId output = kNone;
  /// Rows of the product: batch and spatial places, or tokens.
  int64_t rows = 0;
  /// Products summed into one result.
  int64_t depth = 0;
  int64_t channels = 0;

  int64_t multiply_adds() const { return rows * depth * channels; }
};

/// In topological order.
std::vector<WeightLayer> weight_layers(const Graph& graph);

/// Multiply-adds of all layers with weights and of the products between activations.
int64_t total_multiply_adds(const Graph& graph);

}  // namespace tendon
