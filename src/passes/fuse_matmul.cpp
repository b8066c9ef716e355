// Puts bias, residual and activation into matrix products and frees them of Reshapes.
#include <algorithm>

#include "base/data_type.h"
#include "passes/epilogue.h"
#include "passes/passes.h"

namespace tendon {
namespace {

/// A product on its way to a FusedMatMul.
struct Product {
  FusedMatMul op;
  ValueId a = kNone;
  ValueId b = kNone;
  ValueId bias = kNone;
  /// What the product and the nodes that it absorbed make so far.
  ValueId output = kNone;
};

Tensor transposed(const Tensor& matrix) {
  return Transpose{.perm = {1, 0}}.reference({&matrix, 1})[0];
}

Product from_gemm(GraphEdit& edit, const Graph& graph, const Node& node, const Gemm& gemm) {
  Product product{.a = node.inputs[0], .b = node.inputs[1], .output = node.outputs[0]};
  product.op.alpha = gemm.alpha;
  if (gemm.trans_a) product.a = edit.add_node(Transpose{.perm = {1, 0}}, {product.a}, node.name);
  if (gemm.trans_b && graph.is_constant(product.b)) {
    const Value& weight = graph.value(product.b);
    product.b = edit.add_constant(transposed(*weight.constant), weight.name);
  } else {
    product.op.trans_b = gemm.trans_b;
  }
  product.bias = input_of(node, 2);
  if (product.bias != kNone && gemm.beta != 1) {
    const DataType dtype = graph.type(product.bias).dtype;
    const ValueId beta = edit.add_constant(cast(Tensor::scalar(gemm.beta), dtype), node.name);
    product.bias =
        edit.add_node(Binary{BinaryKind::kMul}, {product.bias, beta}, node.name + ".bias");
  }
  return product;
}

std::optional<Product> start(GraphEdit& edit, const Graph& graph, const Node& node) {
  // Integers wrap around, which a product with something behind it does not promise.
  if (!is_floating(graph.type(node.outputs[0]).dtype)) return std::nullopt;
  if (const auto* gemm = std::get_if<Gemm>(&node.op)) return from_gemm(edit, graph, node, *gemm);
  if (!std::holds_alternative<MatMul>(node.op) || graph.shape(node.inputs[0]).rank() < 2 ||
      graph.shape(node.inputs[1]).rank() < 2) {
    return std::nullopt;
  }
  return Product{.a = node.inputs[0], .b = node.inputs[1], .output = node.outputs[0]};
}

/// The constant that an Add alone after the product brings in and that fits inside it, or kNone.
ValueId bias_after(const Graph& graph, const Product& product) {
  const auto* binary = sole_reader_op<Binary>(graph, product.output);
  if (product.bias != kNone || binary == nullptr || binary->kind != BinaryKind::kAdd) return kNone;
  const Node& add = graph.node(sole_reader(graph, product.output));
  const ValueId other = other_input(add, product.output);
  const bool fits =
      graph.is_constant(other) && graph.type(add.outputs[0]) == graph.type(product.output);
  return fits ? other : kNone;
}

/// The shape that a Reshape alone after the product gives its rows, or nothing. It may only regroup
/// them, and neither B nor the bias may depend on how they are grouped.
std::optional<Shape> regrouped_rows(const Graph& graph, const GraphEdit& edit,
                                    const Product& product) {
  const NodeId reader = sole_reader(graph, product.output);
  if (reader == kNone || !std::holds_alternative<Reshape>(graph.node(reader).op)) {
    return std::nullopt;
  }
  const Shape& shape = graph.shape(graph.node(reader).outputs[0]);
  const bool free_of_rows =
      edit.type(product.b).shape.rank() == 2 && shape.rank() >= 2 &&
      (product.bias == kNone || without_leading_ones(edit.type(product.bias).shape).rank() <= 1);
  if (!free_of_rows || shape.back() != graph.shape(product.output).back()) return std::nullopt;
  return shape;
}

ValueId only_output(const Graph& graph, ValueId id) {
  return graph.node(sole_reader(graph, id)).outputs[0];
}

/// A under other rows; what it was reshaped from, where that has these rows.
ValueId with_rows(GraphEdit& edit, const Graph& graph, ValueId a, const Shape& output,
                  const std::string& name) {
  Shape shape = output;
  shape[shape.rank() - 1] = edit.type(a).shape.back();
  const bool is_old = a < static_cast<ValueId>(graph.values().size());
  if (is_old && graph.producer_op<Reshape>(a) != nullptr) {
    const ValueId source = graph.producer(a)->inputs[0];
    if (graph.shape(source) == shape) return source;
  }
  return add_reshape(edit, a, shape, name);
}

}  // namespace

bool fuse_matmul(Graph& graph) {
  return rewrite_nodes(graph, [&](NodeId id) {
    const Node node = graph.node(id);
    GraphEdit edit(graph);
    auto product = start(edit, graph, node);
    if (!product) return false;
    const auto absorb_bias = [&] {
      const ValueId bias = bias_after(graph, *product);
      if (bias == kNone) return;
      product->bias = bias;
      product->output = only_output(graph, product->output);
    };
    absorb_bias();
    if (const auto shape = regrouped_rows(graph, edit, *product)) {
      product->a = with_rows(edit, graph, product->a, *shape, node.name);
      product->output = only_output(graph, product->output);
      absorb_bias();
    }
    if (product->bias != kNone) {
      const Shape bias = without_leading_ones(edit.type(product->bias).shape);
      const bool is_old = product->bias < static_cast<ValueId>(graph.values().size());
      product->bias = is_old && graph.is_constant(product->bias)
                          ? add_constant_reshaped(edit, graph, product->bias, bias)
                          : add_reshape(edit, product->bias, bias, node.name);
    }
    const Epilogue epilogue = epilogue_of(graph, product->output);
    product->op.activation = epilogue.activation;
    std::vector<ValueId> inputs{product->a, product->b, product->bias, epilogue.residual};
    while (inputs.back() == kNone) inputs.pop_back();
    edit.replace(epilogue.output, edit.add_node(product->op, std::move(inputs), node.name));
    edit.apply();
    return true;
  });
}

}  // namespace tendon
