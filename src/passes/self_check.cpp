#include "passes/self_check.h"

#include <algorithm>
#include <cmath>
#include <random>

#include "base/data_type.h"

namespace tendon {
namespace {

constexpr int64_t kMaxWork = 50'000'000;
/// Of the largest element; rewrites reorder float sums, and chains of layers amplify that.
constexpr double kTolerance = 1e-4;
/// Where values are rounded to 8 bits, such a difference now and then gives the neighbouring code.
constexpr double kQuantizedTolerance = 0.05;

double tolerance_of(const Graph& graph) {
  const bool quantized = std::ranges::any_of(graph.nodes(), [](const Node& node) {
    return node.alive && std::holds_alternative<QuantizeLinear>(node.op);
  });
  return quantized ? kQuantizedTolerance : kTolerance;
}

/// Multiply-adds of one output element, roughly.
int64_t work_of_element(const Graph& graph, const Node& node) {
  const auto weight = [&] { return graph.shape(node.inputs[1]); };
  if (std::holds_alternative<Conv>(node.op) || std::holds_alternative<FusedConv>(node.op)) {
    return weight().element_count() / std::max<int64_t>(weight()[0], 1);
  }
  if (std::holds_alternative<MatMul>(node.op) || std::holds_alternative<Gemm>(node.op) ||
      std::holds_alternative<FusedMatMul>(node.op)) {
    const Shape& left = graph.shape(node.inputs[0]);
    return left.rank() == 0 ? 1 : left.back();
  }
  if (std::holds_alternative<Attention>(node.op)) return 2 * weight()[0] * weight()[1];
  return 1;
}

TensorMap random_inputs(const Graph& graph) {
  std::mt19937_64 generator(1);
  TensorMap inputs;
  for (const GraphInput& input : graph.inputs()) {
    std::vector<double> values(static_cast<size_t>(graph.shape(input.value).element_count()));
    for (double& value : values) {
      const double unit = static_cast<double>(generator() >> 11) * 0x1p-53;
      value = is_floating(input.dtype) ? 2 * unit - 1 : std::floor(2 * unit);
    }
    inputs[graph.value(input.value).name] =
        cast(Tensor::from<double>(graph.shape(input.value), values), input.dtype);
  }
  return inputs;
}

std::vector<Tensor> run(const Graph& graph, const TensorMap& inputs) {
  std::vector<Tensor> values(graph.values().size());
  for (size_t i = 0; i < values.size(); ++i) {
    values[i] = graph.values()[i].constant.value_or(Tensor());
  }
  const auto tensor = [&](ValueId id) { return values[static_cast<size_t>(id)]; };
  for (const GraphInput& input : graph.inputs()) {
    values[static_cast<size_t>(input.value)] = inputs.at(graph.value(input.value).name);
  }
  for (const NodeId id : graph.topological_order()) {
    const Node& node = graph.node(id);
    std::vector<Tensor> arguments;
    for (const ValueId input : node.inputs) {
      arguments.push_back(input == kNone ? Tensor() : tensor(input));
    }
    const std::vector<Tensor> results = reference(node.op, arguments);
    for (size_t i = 0; i < node.outputs.size(); ++i) {
      if (node.outputs[i] != kNone) values[static_cast<size_t>(node.outputs[i])] = results[i];
    }
  }
  std::vector<Tensor> outputs;
  for (const ValueId output : graph.outputs()) outputs.push_back(tensor(output));
  return outputs;
}

}  // namespace

bool is_small_enough_to_run(const Graph& graph) {
  double work = 0;
  for (const Node& node : graph.nodes()) {
    if (!node.alive) continue;
    for (const ValueId output : node.outputs) {
      if (output == kNone) continue;
      work += static_cast<double>(graph.shape(output).element_count()) *
              static_cast<double>(work_of_element(graph, node));
    }
  }
  return work <= static_cast<double>(kMaxWork);
}

void require_same_results(const Graph& before, const Graph& after) {
  const TensorMap inputs = random_inputs(before);
  const std::vector<Tensor> expected = run(before, inputs);
  const std::vector<Tensor> found = run(after, inputs);
  for (size_t i = 0; i < expected.size(); ++i) {
    const std::string& name = before.value(before.outputs()[i]).name;
    if (found[i].type() != expected[i].type()) {
      fail(ErrorKind::kInternal, "output '{}' is {}, it was {}", name, found[i].type(),
           expected[i].type());
    }
    const auto a = to_doubles(expected[i]);
    const auto b = to_doubles(found[i]);
    double largest = 1;
    double difference = 0;
    for (size_t k = 0; k < a.size(); ++k) {
      if (std::isfinite(a[k])) largest = std::max(largest, std::fabs(a[k]));
      const bool same = a[k] == b[k] || (std::isnan(a[k]) && std::isnan(b[k]));
      // Written so that a NaN on one side only counts as a difference.
      if (!same && !(std::fabs(a[k] - b[k]) <= difference)) difference = std::fabs(a[k] - b[k]);
    }
    if (!(difference <= tolerance_of(before) * largest)) {
      fail(ErrorKind::kInternal,
           "output '{}' differs by {:.3g} from the graph before, at a largest element of {:.3g}",
           name, difference, largest);
    }
  }
}

}  // namespace tendon
