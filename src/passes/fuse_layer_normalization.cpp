// Recognises LayerNormalization written out in arithmetic.
#include <algorithm>

#include "passes/passes.h"
#include "passes/rewrite.h"

namespace tendon {
namespace {

/// Both operands where `id` is made by `kind`, else nothing.
const Node* binary_producer(const Graph& graph, ValueId id, BinaryKind kind) {
  const auto* binary = graph.producer_op<Binary>(id);
  return binary != nullptr && binary->kind == kind ? graph.producer(id) : nullptr;
}

/// The first of the last axes over which `id` is the mean of `data`, or nothing.
std::optional<int> mean_axis(const Graph& graph, ValueId id, ValueId data) {
  const auto* reduce = graph.producer_op<Reduce>(id);
  if (reduce == nullptr || reduce->kind != ReduceKind::kMean || !reduce->keepdims) {
    return std::nullopt;
  }
  const Node* node = graph.producer(id);
  const auto axes = constant_int64s(graph, input_of(*node, 1));
  if (node->inputs[0] != data || !axes || axes->empty()) return std::nullopt;
  const int rank = graph.shape(data).rank();
  const std::vector<int> reduced = reduce->reduced_axes(*axes, rank);
  for (size_t i = 0; i < reduced.size(); ++i) {
    if (reduced[i] != rank - static_cast<int>(reduced.size() - i)) return std::nullopt;
  }
  return reduced.front();
}

/// d where `id` is d * d or d ^ 2, else kNone.
ValueId squared(const Graph& graph, ValueId id) {
  if (const Node* power = binary_producer(graph, id, BinaryKind::kPow)) {
    return is_constant_near(graph, power->inputs[1], 2.0) ? power->inputs[0] : kNone;
  }
  const Node* product = binary_producer(graph, id, BinaryKind::kMul);
  return product != nullptr && product->inputs[0] == product->inputs[1] ? product->inputs[0]
                                                                        : kNone;
}

struct Match {
  ValueId x = kNone;
  int axis = 0;
  double epsilon = 0;
};

/// (x - mean(x)) / sqrt(mean((x - mean(x))^2) + epsilon)
std::optional<Match> match(const Graph& graph, const Node& division) {
  const auto* binary = std::get_if<Binary>(&division.op);
  if (binary == nullptr || binary->kind != BinaryKind::kDiv) return std::nullopt;
  const ValueId centred = division.inputs[0];
  const Node* subtraction = binary_producer(graph, centred, BinaryKind::kSub);
  const auto* root = graph.producer_op<Unary>(division.inputs[1]);
  if (subtraction == nullptr || root == nullptr || root->kind != UnaryKind::kSqrt) {
    return std::nullopt;
  }
  const Node* sum =
      binary_producer(graph, graph.producer(division.inputs[1])->inputs[0], BinaryKind::kAdd);
  if (sum == nullptr) return std::nullopt;
  const size_t constant = graph.is_constant(sum->inputs[0]) ? 0 : 1;
  const auto epsilon = constant_scalar(graph, sum->inputs[constant]);
  const ValueId variance = sum->inputs[1 - constant];
  const Node* mean_of_squares = graph.producer(variance);
  if (!epsilon || mean_of_squares == nullptr) return std::nullopt;
  const ValueId squares = mean_of_squares->inputs[0];
  if (squared(graph, squares) != centred) return std::nullopt;
  const ValueId x = subtraction->inputs[0];
  const auto axis = mean_axis(graph, variance, squares);
  if (!axis || mean_axis(graph, subtraction->inputs[1], x) != axis) return std::nullopt;
  return Match{x, *axis, *epsilon};
}

/// The constant operand of the sole reader of `id`, if that is `kind` and the constant has the
/// shape of the normalised axes; kNone else.
ValueId constant_operand(const Graph& graph, ValueId id, BinaryKind kind, const Shape& shape) {
  const auto* binary = sole_reader_op<Binary>(graph, id);
  if (binary == nullptr || binary->kind != kind) return kNone;
  const ValueId operand = other_input(graph.node(sole_reader(graph, id)), id);
  return graph.is_constant(operand) && without_leading_ones(graph.shape(operand)) == shape ? operand
                                                                                           : kNone;
}

}  // namespace

bool fuse_layer_normalization(Graph& graph) {
  return rewrite_nodes(graph, [&](NodeId id) {
    const auto found = match(graph, graph.node(id));
    if (!found) return false;
    const Shape& x_shape = graph.shape(found->x);
    const Shape shape(x_shape.dims().subspan(static_cast<size_t>(found->axis)));
    const DataType dtype = graph.type(found->x).dtype;
    const std::string name = graph.node(id).name;
    ValueId output = graph.node(id).outputs[0];
    GraphEdit edit(graph);
    ValueId scale = constant_operand(graph, output, BinaryKind::kMul, shape);
    ValueId bias = kNone;
    if (scale == kNone) {
      const std::vector<float> ones(static_cast<size_t>(shape.element_count()), 1.0F);
      scale = edit.add_constant(cast(Tensor::from<float>(shape, ones), dtype), name + ".scale");
    } else {
      output = graph.node(sole_reader(graph, output)).outputs[0];
      scale = add_constant_reshaped(edit, graph, scale, shape);
      bias = constant_operand(graph, output, BinaryKind::kAdd, shape);
    }
    if (bias != kNone) {
      output = graph.node(sole_reader(graph, output)).outputs[0];
      bias = add_constant_reshaped(edit, graph, bias, shape);
    }
    LayerNormalization norm;
    norm.axis = found->axis - x_shape.rank();
    norm.epsilon = static_cast<float>(found->epsilon);
    std::vector<ValueId> inputs{found->x, scale};
    if (bias != kNone) inputs.push_back(bias);
    edit.replace(output, edit.add_node(norm, std::move(inputs), name));
    edit.apply();
    return true;
  });
}

}  // namespace tendon
