// Puts a LayerNormalization into the product whose rows it normalises.
#include <algorithm>

#include "passes/passes.h"
#include "passes/rewrite.h"

namespace tendon {
namespace {

/// Whether a product reads `id`. What only makes an output is computed apart, and more exactly.
bool feeds_product(const Graph& graph, ValueId id) {
  return std::ranges::any_of(graph.value(id).readers, [&](NodeId reader) {
    const Op& op = graph.node(reader).op;
    return std::holds_alternative<FusedMatMul>(op) ||
           std::holds_alternative<NormalizedMatMul>(op) ||
           std::holds_alternative<QuantizedNormalizedMatMul>(op);
  });
}

/// What is to follow a product.
struct Norm {
  float epsilon = 0;
  DataType codes_dtype = DataType::kFloat32;
  float codes_scale = 1;
};

std::optional<Norm> norm_of(const Graph& graph, const Node& node) {
  const int last = graph.shape(node.inputs[0]).rank() - 1;
  if (const auto* norm = std::get_if<LayerNormalization>(&node.op)) {
    if (node.outputs.size() != 1 || normalize_axis(norm->axis, last + 1) != last ||
        !feeds_product(graph, node.outputs[0])) {
      return std::nullopt;
    }
    return Norm{.epsilon = norm->epsilon};
  }
  const auto* norm = std::get_if<QuantizedLayerNormalization>(&node.op);
  if (norm == nullptr || normalize_axis(norm->axis, last + 1) != last) return std::nullopt;
  return Norm{norm->epsilon, norm->y_dtype, norm->y_scale};
}

template <class Fused>
void set_norm(Fused& fused, const Norm& norm) {
  fused.epsilon = norm.epsilon;
  fused.codes_dtype = norm.codes_dtype;
  fused.codes_scale = norm.codes_scale;
}

/// The product that makes `sums` as an operator that normalises too.
std::optional<Op> fused_product(const Graph& graph, ValueId sums, const Norm& norm) {
  if (const auto* product = graph.producer_op<FusedMatMul>(sums)) {
    if (product->activation != Activation::kNone) return std::nullopt;
    NormalizedMatMul op;
    op.trans_b = product->trans_b;
    op.alpha = product->alpha;
    set_norm(op, norm);
    return op;
  }
  const auto* product = graph.producer_op<QuantizedMatMul>(sums);
  if (product == nullptr || product->activation != Activation::kNone ||
      product->y_dtype != DataType::kFloat32) {
    return std::nullopt;
  }
  const ValueId residual = input_of(*graph.producer(sums), 4);
  if (residual != kNone &&
      (product->residual_scale != 1 || graph.type(residual).dtype != DataType::kFloat32)) {
    return std::nullopt;
  }
  QuantizedNormalizedMatMul op;
  op.trans_b = product->trans_b;
  set_norm(op, norm);
  return op;
}

}  // namespace

bool fuse_normalized_matmul(Graph& graph) {
  return rewrite_nodes(graph, [&](NodeId id) {
    const Node node = graph.node(id);
    const auto norm = norm_of(graph, node);
    if (!norm) return false;
    const ValueId sums = node.inputs[0];
    const auto op = fused_product(graph, sums, *norm);
    if (!op || sole_reader(graph, sums) == kNone) return false;
    std::vector<ValueId> inputs = graph.producer(sums)->inputs;
    if (!graph.is_constant(inputs[1]) || graph.shape(inputs[1]).rank() != 2) return false;
    inputs.resize(std::holds_alternative<NormalizedMatMul>(*op)
                      ? NormalizedMatMul::kScale
                      : QuantizedNormalizedMatMul::kNormScale,
                  kNone);
    inputs.insert(inputs.end(), node.inputs.begin() + 1, node.inputs.end());
    GraphEdit edit(graph);
    const std::vector<ValueId> made =
        edit.add_node(*op, std::move(inputs), node.outputs.size(), node.name);
    for (size_t i = 0; i < made.size(); ++i) {
      if (node.outputs[i] != kNone) edit.replace(node.outputs[i], made[i]);
    }
    edit.apply();
    return true;
  });
}

}  // namespace tendon
