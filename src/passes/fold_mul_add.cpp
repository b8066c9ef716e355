// Folds multiplications and additions of constants into neighbouring convolutions and products.
#include <algorithm>

#include "passes/gelu.h"
#include "passes/linear.h"
#include "passes/passes.h"
#include "passes/selection.h"
#include "passes/view.h"

namespace tendon {
namespace {

/// y = x * factor + shift or y = x / factor, with a constant operand.
struct Affine {
  ValueId x = kNone;
  ValueId constant = kNone;
  BinaryKind kind = BinaryKind::kAdd;
};

std::optional<Affine> affine_of(const Graph& graph, const Node& node) {
  const auto* binary = std::get_if<Binary>(&node.op);
  if (binary == nullptr || binary->kind == BinaryKind::kPow) return std::nullopt;
  const bool commutes = binary->kind == BinaryKind::kAdd || binary->kind == BinaryKind::kMul;
  const size_t constant = commutes && graph.is_constant(node.inputs[0]) ? 0 : 1;
  const Affine affine{node.inputs[1 - constant], node.inputs[constant], binary->kind};
  if (!graph.is_constant(affine.constant) || graph.is_constant(affine.x) ||
      graph.type(affine.x) != graph.type(node.outputs[0])) {
    return std::nullopt;
  }
  return affine;
}

bool is_product(BinaryKind kind) { return kind == BinaryKind::kMul || kind == BinaryKind::kDiv; }

/// The operation's factor or summand for each place along the axis.
std::optional<std::vector<double>> operands(const Graph& graph, const Affine& affine,
                                            const Shape& shape, int axis) {
  auto values = values_along(graph, affine.constant, shape, axis);
  if (!values) return std::nullopt;
  for (double& value : *values) {
    if (affine.kind == BinaryKind::kDiv) value = 1 / value;
    if (affine.kind == BinaryKind::kSub) value = -value;
  }
  return values;
}

bool fold_backward(Graph& graph, const Affine& affine, ValueId output) {
  const auto linear = linear_producer(graph, affine.x);
  if (!linear) return false;
  const auto values = operands(graph, affine, graph.shape(output), linear->channel_axis);
  if (!values) return false;
  if (is_product(affine.kind)) {
    return fold_into_linear(graph, *linear, *values, std::vector<double>(values->size(), 0.0),
                            output);
  }
  return fold_into_linear(graph, *linear, std::vector<double>(values->size(), 1.0), *values,
                          output);
}

/// (MatMul(x, w) + b) * c -> MatMul(x, w * c) + b * c
bool fold_through_add(Graph& graph, const Affine& product, ValueId output) {
  const NodeId sum_id = graph.value(product.x).producer;
  if (sum_id == kNone || sole_reader(graph, product.x) == kNone) return false;
  const auto sum = affine_of(graph, graph.node(sum_id));
  if (!sum || is_product(sum->kind)) return false;
  const auto linear = linear_producer(graph, sum->x);
  if (!linear || linear->takes_bias) return false;
  const Shape shape = graph.shape(output);
  const auto factors = operands(graph, product, shape, linear->channel_axis);
  const auto summands = operands(graph, *sum, shape, linear->channel_axis);
  if (!factors || !summands) return false;
  std::vector<double> bias(factors->size());
  std::ranges::transform(*factors, *summands, bias.begin(), std::multiplies<>());
  const Node matmul = graph.node(linear->node);
  const Value& weight = graph.value(matmul.inputs[1]);
  GraphEdit edit(graph);
  const ValueId scaled =
      edit.add_constant(scaled_along(*weight.constant, linear->weight_axis, *factors), weight.name);
  const Tensor wide = Tensor::from<double>(Shape{shape[linear->channel_axis]}, bias);
  const ValueId shifted =
      edit.add_constant(cast(wide, weight.type->dtype), graph.value(sum->constant).name);
  const ValueId y = edit.add_node(matmul.op, {matmul.inputs[0], scaled}, matmul.name);
  edit.replace(output,
               edit.add_node(Binary{BinaryKind::kAdd}, {y, shifted}, graph.node(sum_id).name));
  edit.apply();
  return true;
}

/// Transpose(Add(MatMul(x, w), b)) * c -> Transpose(Add(MatMul(x, w), b) * c'), which then folds.
bool fold_through_transpose(Graph& graph, const Affine& product, ValueId output) {
  const Node* node = graph.producer(product.x);
  const auto* transpose = node == nullptr ? nullptr : std::get_if<Transpose>(&node->op);
  if (transpose == nullptr || sole_reader(graph, product.x) == kNone) return false;
  const ValueId before = node->inputs[0];
  auto linear = linear_producer(graph, before);
  const Node* sum = graph.producer(before);
  if (!linear && sum != nullptr && sole_reader(graph, before) != kNone) {
    const auto affine = affine_of(graph, *sum);
    if (affine && !is_product(affine->kind)) linear = linear_producer(graph, affine->x);
  }
  if (!linear) return false;
  const Shape& shape = graph.shape(before);
  const std::vector<int64_t> perm = transpose->permutation(shape.rank());
  const auto place = std::ranges::find(perm, linear->channel_axis) - perm.begin();
  const auto factors = operands(graph, product, graph.shape(output), static_cast<int>(place));
  if (!factors) return false;
  Shape sizes{shape[linear->channel_axis]};
  while (sizes.rank() < shape.rank() - linear->channel_axis) sizes.push_back(1);
  const std::string name = graph.node(graph.value(output).producer).name;
  GraphEdit edit(graph);
  Affine moved{before, kNone, BinaryKind::kMul};
  moved.constant =
      edit.add_constant(cast(Tensor::from<double>(sizes, *factors), graph.type(output).dtype),
                        graph.value(product.constant).name);
  const ValueId scaled = edit.add_node(Binary{BinaryKind::kMul}, {before, moved.constant}, name);
  edit.replace(output, add_transpose(edit, scaled, perm, name));
  edit.apply();
  return fold_backward(graph, moved, scaled) || fold_through_add(graph, moved, scaled);
}

/// Zero padding stays zero under a product, but not under a sum. Reshapes may lie between.
bool fold_forward(Graph& graph, const Affine& affine, ValueId output) {
  ValueId arriving = output;
  NodeId reader = sole_reader(graph, arriving);
  while (reader != kNone && is_reshape_node(graph.node(reader))) {
    arriving = graph.node(reader).outputs[0];
    reader = sole_reader(graph, arriving);
  }
  if (!is_product(affine.kind) || reader == kNone) return false;
  const auto linear = linear_node(graph, reader);
  if (!linear || linear->input_axis < 0 || graph.node(reader).inputs[0] != arriving) return false;
  const auto axis =
      axis_before_reshape(graph.shape(output), graph.shape(arriving), linear->input_channel_axis);
  if (!axis) return false;
  const auto factors = operands(graph, affine, graph.shape(output), *axis);
  if (!factors) return false;
  const Value& weight = graph.value(graph.node(reader).inputs[1]);
  GraphEdit edit(graph);
  edit.set_input(
      reader, 1,
      edit.add_constant(scaled_along(*weight.constant, linear->input_axis, *factors), weight.name));
  edit.replace(output, affine.x);
  edit.apply();
  return true;
}

}  // namespace

bool fold_mul_add(Graph& graph) {
  return rewrite_nodes(graph, [&](NodeId id) {
    const auto affine = affine_of(graph, graph.node(id));
    if (!affine) return false;
    const ValueId output = graph.node(id).outputs[0];
    // Without its half a GELU is no GELU any more.
    if (gelu_at(graph, output)) return false;
    return fold_backward(graph, *affine, output) ||
           (is_product(affine->kind) && (fold_through_add(graph, *affine, output) ||
                                         fold_through_transpose(graph, *affine, output))) ||
           fold_forward(graph, *affine, output);
  });
}

}  // namespace tendon
