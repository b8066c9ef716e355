// Folds BatchNormalization into the convolution or product before it.
#include <cmath>

#include "passes/linear.h"
#include "passes/passes.h"

namespace tendon {

bool fold_batch_norm(Graph& graph) {
  return rewrite_nodes(graph, [&](NodeId id) {
    const Node& node = graph.node(id);
    const auto* norm = std::get_if<BatchNormalization>(&node.op);
    if (norm == nullptr) return false;
    const auto linear = linear_producer(graph, node.inputs[0]);
    if (!linear || linear->channel_axis != 1 || !linear->takes_bias) return false;
    std::vector<std::vector<double>> statistics;  // scale, B, mean, variance
    for (size_t i = 1; i < 5; ++i) {
      if (!graph.is_constant(node.inputs[i])) return false;
      statistics.push_back(to_doubles(*graph.value(node.inputs[i]).constant));
    }
    std::vector<double> factors = statistics[0];
    std::vector<double> shifts = statistics[1];
    for (size_t channel = 0; channel < factors.size(); ++channel) {
      factors[channel] /= std::sqrt(statistics[3][channel] + static_cast<double>(norm->epsilon));
      shifts[channel] -= statistics[2][channel] * factors[channel];
    }
    return fold_into_linear(graph, *linear, factors, shifts, node.outputs[0]);
  });
}

}  // namespace tendon
