// One product makes what an attention reads of one tensor, instead of two or three.
#include <algorithm>
#include <array>

#include "base/data_type.h"
#include "ops/broadcast.h"
#include "ops/elements.h"
#include "passes/passes.h"
#include "passes/rewrite.h"

namespace tendon {
namespace {

constexpr size_t kKey = 1;

/// What input `index` of an attention is made of: x w + bias, of floats or of codes by `scale`.
struct Projection {
  size_t index = 0;
  bool trans_b = false;
  float alpha = 1;
  ValueId x = kNone;
  ValueId weight = kNone;
  ValueId scale = kNone;
  ValueId bias = kNone;
};

/// The product that makes `id`, if it has neither activation nor residual.
std::optional<Projection> product_of(const Graph& graph, ValueId id) {
  const Node* node = graph.producer(id);
  if (node == nullptr) return std::nullopt;
  if (const auto* op = std::get_if<FusedMatMul>(&node->op)) {
    if (op->activation != Activation::kNone || input_of(*node, 3) != kNone) return std::nullopt;
    return Projection{.trans_b = op->trans_b,
                      .alpha = op->alpha,
                      .x = node->inputs[0],
                      .weight = node->inputs[1],
                      .bias = input_of(*node, 2)};
  }
  const auto* op = std::get_if<QuantizedMatMul>(&node->op);
  if (op == nullptr || op->activation != Activation::kNone || input_of(*node, 4) != kNone ||
      op->y_dtype != DataType::kFloat32 || !graph.is_constant(node->inputs[2])) {
    return std::nullopt;
  }
  return Projection{.trans_b = op->trans_b,
                    .x = node->inputs[0],
                    .weight = node->inputs[1],
                    .scale = node->inputs[2],
                    .bias = input_of(*node, 3)};
}

std::optional<Projection> projection_of(const Graph& graph, const Node& attention, size_t index) {
  const ValueId id = attention.inputs[index];
  auto found = product_of(graph, id);
  if (!found || sole_reader(graph, id) == kNone || !graph.is_constant(found->weight) ||
      graph.shape(found->weight).rank() != 2 ||
      graph.shape(found->x).rank() != graph.shape(id).rank() ||
      (found->bias != kNone && !graph.is_constant(found->bias))) {
    return std::nullopt;
  }
  found->index = index;
  return found;
}

/// Tensors with equal axes but the last, side by side.
Tensor side_by_side(std::span<const Tensor> parts) {
  return Concat{.axis = -1}.reference(parts)[0];
}

/// The bias of a projection under `rows` and its own columns; a key's without its mean, which adds
/// the same to all scores of a query.
Tensor bias_under(const Graph& graph, const Projection& projection, const Shape& rows) {
  const Shape& weight = graph.shape(projection.weight);
  const int64_t columns = weight[projection.trans_b ? 0 : 1];
  Shape shape = rows;
  shape.push_back(columns);
  std::vector<double> values(static_cast<size_t>(shape.element_count()));
  if (projection.bias != kNone) {
    const Tensor& bias = *graph.value(projection.bias).constant;
    const std::vector<double> from = to_doubles(bias);
    for_each_broadcast<1>(
        shape, {broadcast_strides(bias.shape(), shape)}, [&](int64_t index, const auto& offsets) {
          values[static_cast<size_t>(index)] = from[static_cast<size_t>(offsets[0])];
        });
  }
  if (projection.index == kKey) {
    const auto count = static_cast<int64_t>(values.size()) / columns;
    for (int64_t column = 0; column < columns; ++column) {
      double mean = 0;
      for (int64_t row = 0; row < count; ++row) {
        mean += values[static_cast<size_t>(row * columns + column)] / static_cast<double>(count);
      }
      for (int64_t row = 0; row < count; ++row) {
        values[static_cast<size_t>(row * columns + column)] -= mean;
      }
    }
  }
  const DataType type = graph.type(projection.weight).dtype;
  return cast(Tensor::from<double>(shape, values), is_floating(type) ? type : DataType::kFloat32);
}

bool join(Graph& graph, NodeId attention, const std::vector<Projection>& projections) {
  const Node node = graph.node(attention);
  const Projection& first = projections.front();
  std::vector<Tensor> weights, scales;
  Shape rows;
  for (const Projection& projection : projections) {
    weights.push_back(*graph.value(projection.weight).constant);
    if (projection.trans_b) {
      weights.back() = Transpose{.perm = {1, 0}}.reference({&weights.back(), 1})[0];
    }
    if (projection.scale != kNone) scales.push_back(*graph.value(projection.scale).constant);
    if (projection.bias == kNone) continue;
    const Shape& bias = graph.shape(projection.bias);
    if (bias.rank() > 1) {
      rows = broadcast(rows, Shape(bias.dims().first(static_cast<size_t>(bias.rank() - 1))));
    }
  }
  std::vector<Tensor> biases;
  for (const Projection& projection : projections) {
    biases.push_back(bias_under(graph, projection, rows));
  }
  GraphEdit edit(graph);
  const std::string name = graph.producer(node.inputs[first.index])->name;
  const ValueId weight = edit.add_constant(side_by_side(weights), name + ".weights");
  const ValueId bias = edit.add_constant(side_by_side(biases), name + ".biases");
  ValueId joined = kNone;
  if (scales.empty()) {
    joined = edit.add_node(FusedMatMul{.alpha = first.alpha}, {first.x, weight, bias}, name);
  } else {
    const ValueId scale = edit.add_constant(side_by_side(scales), name + ".scales");
    joined = edit.add_node(QuantizedMatMul{}, {first.x, weight, scale, bias}, name);
  }
  Attention reading = std::get<Attention>(node.op);
  reading.width = reading.width_of(graph.shape(node.inputs[0]));
  const std::array columns = {&Attention::q_column, &Attention::k_column, &Attention::v_column};
  std::vector<ValueId> inputs = node.inputs;
  int64_t column = 0;
  for (size_t i = 0; i < projections.size(); ++i) {
    const size_t index = projections[i].index;
    inputs[index] = joined;
    reading.*columns[index] += column;
    column += weights[i].shape()[1];
  }
  edit.replace(node.outputs[0], edit.add_node(reading, std::move(inputs), node.name));
  edit.apply();
  return true;
}

}  // namespace

bool join_projections(Graph& graph) {
  return rewrite_nodes(graph, [&](NodeId id) {
    if (!std::holds_alternative<Attention>(graph.node(id).op)) return false;
    std::vector<Projection> found;
    for (size_t index = 0; index < 3; ++index) {
      if (auto projection = projection_of(graph, graph.node(id), index)) {
        found.push_back(*projection);
      }
    }
    for (const Projection& first : found) {
      std::vector<Projection> alike;
      std::ranges::copy_if(found, std::back_inserter(alike), [&](const Projection& other) {
        return other.x == first.x && other.alpha == first.alpha;
      });
      if (alike.size() > 1) return join(graph, id, alike);
    }
    return false;
  });
}

}  // namespace tendon
