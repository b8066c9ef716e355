// From a network and its ranges to a network that says itself what is in 8 bits.
#pragma once

#include "quant/dialect.h"
#include "quant/quantization_plan.h"

namespace tendon {

/// What becomes of a request: the graph in ONNX's operators, and the plan that it follows.
struct ExplicitGraph {
  Graph graph;
  QuantizationPlan plan;
  /// Of all multiply-adds, those of INT8 layers.
  double int8_share = 0;
};

/// Runs the exact rewrites, chooses the layers as an engine's build does and writes them in
/// `dialect`. Inputs keep the shapes that they are bound to. Throws Error{kUsage} as
/// plan_quantization does, Error{kUnsupported} for a graph that holds QuantizeLinear or
/// DequantizeLinear already and, with the reasons, for one where no layer can be INT8.
ExplicitGraph make_precision_explicit(Graph graph, QuantizationRequest request,
                                      const Dialect& dialect);

/// Whether the graph says itself what is in 8 bits.
bool is_precision_explicit(const Graph& graph);

}  // namespace tendon
