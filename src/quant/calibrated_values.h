// Which values of a network calibration looks at, and the observers that show them during a run.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "ir/graph.h"

namespace tendon {

/// A value of the canonical graph whose range some choice of INT8 layers may need.
struct CalibratedValue {
  std::string name;
  /// The value that is observed in its place: itself, or one that it is a view of, times `factor`,
  /// or what the max-pool makes of it that alone reads it.
  /// Empty for results of Softmax, which lie in [0, 1] whatever the data.
  std::string source;
  double factor = 1;
  /// The axis of `source` that means are taken along.
  int source_axis = 0;
  /// Whether that axis is also this value's own axis of channels.
  bool has_channels = true;
};

/// On a graph as run_passes leaves it at PassStage::kCanonical: the inputs of the graph, the data
/// inputs, residuals and results (behind bias, residual and activation) of convolutions and matrix
/// products with constant weights, and the operands of attention. In order of name.
std::vector<CalibratedValue> calibrated_values(const Graph& graph);

/// x -> A -> y, B   becomes   x -> A -> Observe -> y, B
/// for every source among `values` that is no graph input. Fusing gives the same layers as without.
void insert_observers(Graph& graph, std::span<const CalibratedValue> values);

}  // namespace tendon
