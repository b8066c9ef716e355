#include "quant/explicit_precision.h"

#include <algorithm>

#include "base/log.h"
#include "ir/check.h"
#include "passes/pipeline.h"
#include "quant/exact_images.h"
#include "quant/quantize.h"

namespace tendon {
namespace {

constexpr size_t kReasonsShown = 5;

[[noreturn]] void fail_without_layers(const QuantizationPlan& plan) {
  std::vector<std::string> reasons;
  for (const auto& [name, reason] : plan.kept) {
    if (reasons.size() == kReasonsShown) break;
    reasons.push_back(fmt::format("'{}': {}", name, reason));
  }
  fail(ErrorKind::kUnsupported, "no layer can be INT8{}{}; calibrate this model, or force a layer",
       reasons.empty() ? ", for none has weights" : ": ", fmt::join(reasons, "; "));
}

double share_of(const Graph& graph, const QuantizationPlan& plan) {
  int64_t int8 = 0;
  for (const WeightLayer& layer : weight_layers(graph)) {
    if (plan.int8_layers.contains(layer.name)) int8 += layer.multiply_adds();
  }
  return static_cast<double>(int8) / static_cast<double>(total_multiply_adds(graph));
}

}  // namespace

ExplicitGraph make_precision_explicit(Graph graph, QuantizationRequest request,
                                      const Dialect& dialect) {
  if (is_precision_explicit(graph)) {
    fail(ErrorKind::kUnsupported,
         "the model carries QuantizeLinear and DequantizeLinear already; give the model that they "
         "were added to");
  }
  run_passes(graph, {.stage = PassStage::kCanonical});
  exact_images(graph, request.ranges);
  ExplicitGraph result;
  result.plan = plan_quantization(graph, request);
  if (result.plan.int8_layers.empty()) fail_without_layers(result.plan);
  result.int8_share = share_of(graph, result.plan);
  quantize(graph, request, result.plan, dialect);
  remove_unused_nodes(graph);
  graph.compact();
  check(graph);
  result.graph = std::move(graph);
  return result;
}

bool is_precision_explicit(const Graph& graph) {
  return std::ranges::any_of(graph.nodes(), [](const Node& node) {
    return node.alive && (std::holds_alternative<QuantizeLinear>(node.op) ||
                          std::holds_alternative<DequantizeLinear>(node.op));
  });
}

}  // namespace tendon
