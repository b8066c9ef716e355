// Convolutions and matrix products with constant weights, as folding sees them.
#pragma once

#include "passes/rewrite.h"

namespace tendon {

/// A Conv, Gemm or MatMul whose weight, and bias where there is one, are constants.
struct Linear {
  NodeId node = kNone;
  /// Axis of the output that the weight's output channels make, and that axis of the weight.
  int channel_axis = 0;
  int weight_axis = 0;
  /// The weight's axis over which sums run for each input channel; -1 where groups mix it.
  int input_axis = 0;
  /// Axis of the input that holds the input channels.
  int input_channel_axis = 0;
  /// Whether the operator takes a bias as input 2.
  bool takes_bias = false;
};

std::optional<Linear> linear_node(const Graph& graph, NodeId id);
/// linear_node of the producer of `id`, if `id` has one reader and is no output.
std::optional<Linear> linear_producer(const Graph& graph, ValueId id);

/// The elements of constant `id` along `axis` of `shape`, if it broadcasts to `shape` and varies
/// along that axis alone.
std::optional<std::vector<double>> values_along(const Graph& graph, ValueId id, const Shape& shape,
                                                int axis);
/// The tensor with every element multiplied by the factor of its place along `axis`.
Tensor scaled_along(const Tensor& tensor, int axis, std::span<const double> factors);

/// Replaces `old_output` by linear(x) * factors + shifts, one each per output channel, folded into
/// weight and bias. False where shifts are not all 0 and the operator takes no bias.
bool fold_into_linear(Graph& graph, const Linear& linear, std::span<const double> factors,
                      std::span<const double> shifts, ValueId old_output);

}  // namespace tendon
