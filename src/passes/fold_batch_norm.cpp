// Folds BatchNormalization into the convolution or product before it, or makes it a factor and a
// summand.
#include <cmath>

#include "passes/linear.h"
#include "passes/passes.h"

namespace tendon {
namespace {

/// y = x * factors + shifts, one each per channel.
struct Scaling {
  std::vector<double> factors;
  std::vector<double> shifts;
};

std::optional<Scaling> scaling_of(const Graph& graph, const Node& node, double epsilon) {
  std::vector<std::vector<double>> statistics;  // scale, B, mean, variance
  for (size_t i = 1; i < 5; ++i) {
    if (!graph.is_constant(node.inputs[i])) return std::nullopt;
    statistics.push_back(to_doubles(*graph.value(node.inputs[i]).constant));
  }
  Scaling scaling{statistics[0], statistics[1]};
  for (size_t channel = 0; channel < scaling.factors.size(); ++channel) {
    scaling.factors[channel] /= std::sqrt(statistics[3][channel] + epsilon);
    scaling.shifts[channel] -= statistics[2][channel] * scaling.factors[channel];
  }
  return scaling;
}

void write_out(Graph& graph, const Node& node, const Scaling& scaling) {
  const TensorType& type = graph.type(node.inputs[0]);
  Shape along{std::ssize(scaling.factors)};
  for (int axis = 2; axis < type.shape.rank(); ++axis) along.push_back(1);
  GraphEdit edit(graph);
  const auto operate = [&](BinaryKind kind, ValueId x, const std::vector<double>& values,
                           const char* what) {
    const ValueId constant =
        edit.add_constant(cast(Tensor::from<double>(along, values), type.dtype), node.name + what);
    return edit.add_node(Binary{kind}, {x, constant}, node.name + what);
  };
  const ValueId scaled = operate(BinaryKind::kMul, node.inputs[0], scaling.factors, ".factor");
  edit.replace(node.outputs[0], operate(BinaryKind::kAdd, scaled, scaling.shifts, ".summand"));
  edit.apply();
}

}  // namespace

bool fold_batch_norm(Graph& graph) {
  return rewrite_nodes(graph, [&](NodeId id) {
    const Node node = graph.node(id);
    const auto* norm = std::get_if<BatchNormalization>(&node.op);
    if (norm == nullptr) return false;
    const auto scaling = scaling_of(graph, node, static_cast<double>(norm->epsilon));
    if (!scaling) return false;
    const auto linear = linear_producer(graph, node.inputs[0]);
    if (linear && linear->channel_axis == 1 && linear->takes_bias &&
        fold_into_linear(graph, *linear, scaling->factors, scaling->shifts, node.outputs[0])) {
      return true;
    }
    write_out(graph, node, *scaling);
    return true;
  });
}

}  // namespace tendon
