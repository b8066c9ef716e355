// Where a layer stands in the network: what the choice of precisions looks at.
#pragma once

#include <vector>

#include "quant/weight_layers.h"

namespace tendon {

/// One flag for each node of the graph.
using NodeSet = std::vector<bool>;

/// The nodes after a cross-attention, and the layers with weights that make its operands. A
/// cross-attention is a Softmax over scores of unequal numbers of queries and keys.
NodeSet decoder_nodes(const Graph& graph, const std::vector<WeightLayer>& layers);

/// The layers with weights from which an output is reached without passing another one.
NodeSet head_nodes(const Graph& graph, const std::vector<WeightLayer>& layers);

/// The layers with weights that read what an attention makes, moved or not: output projections.
NodeSet output_projections(const Graph& graph, const std::vector<WeightLayer>& layers);

/// Whether a value is never negative, whatever the inputs are: what Relu, Softmax and the like
/// make, moved or pooled.
bool is_nonnegative(const Graph& graph, ValueId id);

}  // namespace tendon
