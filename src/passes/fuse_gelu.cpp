// Recognises GELU written out in arithmetic, in its exact and its tanh form.
#include <cmath>
#include <numbers>

#include "passes/gelu.h"
#include "passes/passes.h"
#include "passes/rewrite.h"

namespace tendon {
namespace {

/// A tree of Mul, and Div by a constant, as a product: constant * factors.
struct Product {
  double constant = 1;
  std::vector<ValueId> factors;
};

/// `id` is multiplied out; factors that something else reads as well stay whole.
void multiply_out(const Graph& graph, ValueId id, bool root, Product& product) {
  if (const auto scalar = constant_scalar(graph, id)) {
    product.constant *= *scalar;
    return;
  }
  const auto* binary = graph.producer_op<Binary>(id);
  if (binary != nullptr && (root || sole_reader(graph, id) != kNone)) {
    const std::vector<ValueId>& inputs = graph.producer(id)->inputs;
    if (binary->kind == BinaryKind::kMul) {
      multiply_out(graph, inputs[0], false, product);
      multiply_out(graph, inputs[1], false, product);
      return;
    }
    const auto divisor = constant_scalar(graph, inputs[1]);
    if (binary->kind == BinaryKind::kDiv && divisor) {
      product.constant /= *divisor;
      multiply_out(graph, inputs[0], false, product);
      return;
    }
  }
  product.factors.push_back(id);
}

Product product_of(const Graph& graph, ValueId id) {
  Product product;
  multiply_out(graph, id, true, product);
  return product;
}

bool near(double value, double wanted) {
  return std::fabs(value - wanted) <= 1e-4 * std::fabs(wanted);
}

/// The operand of the Unary of `kind` that makes `id`, or kNone.
ValueId argument_of(const Graph& graph, ValueId id, UnaryKind kind) {
  const auto* unary = graph.producer_op<Unary>(id);
  return unary != nullptr && unary->kind == kind ? graph.producer(id)->inputs[0] : kNone;
}

/// a where `id` is a + 1, else kNone.
ValueId minus_one(const Graph& graph, ValueId id) {
  const auto* binary = graph.producer_op<Binary>(id);
  if (binary == nullptr || binary->kind != BinaryKind::kAdd) return kNone;
  const Node& node = *graph.producer(id);
  if (is_constant_near(graph, node.inputs[1], 1)) return node.inputs[0];
  return is_constant_near(graph, node.inputs[0], 1) ? node.inputs[1] : kNone;
}

/// erf(x / sqrt(2))
bool is_erf_of(const Graph& graph, ValueId id, ValueId x) {
  const ValueId argument = argument_of(graph, id, UnaryKind::kErf);
  if (argument == kNone) return false;
  const Product product = product_of(graph, argument);
  return product.factors == std::vector{x} && near(product.constant, std::numbers::sqrt2 / 2);
}

/// 0.044715 * x^3
bool is_cubic(const Graph& graph, ValueId id, ValueId x) {
  const Product product = product_of(graph, id);
  if (!near(product.constant, 0.044715)) return false;
  if (product.factors == std::vector{x, x, x}) return true;
  if (product.factors.size() != 1) return false;
  const auto* power = graph.producer_op<Binary>(product.factors[0]);
  if (power == nullptr || power->kind != BinaryKind::kPow) return false;
  const Node& node = *graph.producer(product.factors[0]);
  return node.inputs[0] == x && is_constant_near(graph, node.inputs[1], 3);
}

/// tanh(sqrt(2 / pi) * (x + 0.044715 * x^3))
bool is_tanh_of(const Graph& graph, ValueId id, ValueId x) {
  const ValueId argument = argument_of(graph, id, UnaryKind::kTanh);
  if (argument == kNone) return false;
  const Product product = product_of(graph, argument);
  if (product.factors.size() != 1 || !near(product.constant, std::sqrt(2 / std::numbers::pi))) {
    return false;
  }
  const auto* sum = graph.producer_op<Binary>(product.factors[0]);
  if (sum == nullptr || sum->kind != BinaryKind::kAdd) return false;
  const Node& node = *graph.producer(product.factors[0]);
  return (node.inputs[0] == x && is_cubic(graph, node.inputs[1], x)) ||
         (node.inputs[1] == x && is_cubic(graph, node.inputs[0], x));
}

}  // namespace

std::optional<WrittenGelu> gelu_at(const Graph& graph, ValueId output) {
  if (graph.producer_op<Binary>(output) == nullptr) return std::nullopt;
  const Product product = product_of(graph, output);
  if (product.factors.size() != 2 || !near(product.constant, 0.5)) return std::nullopt;
  for (size_t i = 0; i < 2; ++i) {
    const ValueId x = product.factors[i];
    const ValueId bell = minus_one(graph, product.factors[1 - i]);
    if (bell == kNone || graph.type(x) != graph.type(output)) continue;
    if (is_tanh_of(graph, bell, x)) return WrittenGelu{x, UnaryKind::kGeluTanh};
    if (is_erf_of(graph, bell, x)) return WrittenGelu{x, UnaryKind::kGelu};
  }
  return std::nullopt;
}

bool fuse_gelu(Graph& graph) {
  return rewrite_nodes(graph, [&](NodeId id) {
    const ValueId output = graph.node(id).outputs[0];
    const auto gelu = gelu_at(graph, output);
    if (!gelu) return false;
    GraphEdit edit(graph);
    edit.replace(output, edit.add_node(Unary::of(gelu->kind), {gelu->x}, graph.node(id).name));
    edit.apply();
    return true;
  });
}

}  // namespace tendon
