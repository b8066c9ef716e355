// One product makes what an attention reads of one tensor, instead of two or three.
#include <algorithm>
#include <array>

#include "ops/broadcast.h"
#include "ops/elements.h"
#include "passes/passes.h"
#include "passes/rewrite.h"

namespace tendon {
namespace {

constexpr size_t kKey = 1;

/// What input `index` of an attention is made of: x w + bias.
struct Projection {
  size_t index = 0;
  FusedMatMul op;
  ValueId x = kNone;
  ValueId weight = kNone;
  ValueId bias = kNone;
};

std::optional<Projection> projection_of(const Graph& graph, const Node& attention, size_t index) {
  const ValueId id = attention.inputs[index];
  const auto* op = graph.producer_op<FusedMatMul>(id);
  if (op == nullptr || op->activation != Activation::kNone || sole_reader(graph, id) == kNone) {
    return std::nullopt;
  }
  const Node& node = *graph.producer(id);
  const ValueId weight = node.inputs[1];
  const ValueId bias = input_of(node, 2);
  if (!graph.is_constant(weight) || graph.shape(weight).rank() != 2 ||
      graph.shape(node.inputs[0]).rank() != graph.shape(id).rank() || input_of(node, 3) != kNone ||
      (bias != kNone && !graph.is_constant(bias))) {
    return std::nullopt;
  }
  return Projection{index, *op, node.inputs[0], weight, bias};
}

/// Tensors with equal axes but the last, side by side.
Tensor side_by_side(std::span<const Tensor> parts) {
  return Concat{.axis = -1}.reference(parts)[0];
}

/// The bias of a projection under `rows` and its own columns; a key's without its mean, which adds
/// the same to all scores of a query.
Tensor bias_under(const Graph& graph, const Projection& projection, const Shape& rows) {
  const Shape& weight = graph.shape(projection.weight);
  const int64_t columns = weight[projection.op.trans_b ? 0 : 1];
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
  return cast(Tensor::from<double>(shape, values), graph.type(projection.weight).dtype);
}

bool join(Graph& graph, NodeId attention, const std::vector<Projection>& projections) {
  const Node node = graph.node(attention);
  const Projection& first = projections.front();
  std::vector<Tensor> weights;
  Shape rows;
  for (const Projection& projection : projections) {
    weights.push_back(*graph.value(projection.weight).constant);
    if (projection.op.trans_b) {
      weights.back() = Transpose{.perm = {1, 0}}.reference({&weights.back(), 1})[0];
    }
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
  FusedMatMul op = first.op;
  op.trans_b = false;
  const std::string name = graph.producer(node.inputs[first.index])->name;
  const ValueId joined =
      edit.add_node(op,
                    {first.x, edit.add_constant(side_by_side(weights), name + ".weights"),
                     edit.add_constant(side_by_side(biases), name + ".biases")},
                    name);
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
        return other.x == first.x && other.op.alpha == first.op.alpha;
      });
      if (alike.size() > 1) return join(graph, id, alike);
    }
    return false;
  });
}

}  // namespace tendon
