#include "passes/quantized.h"

#include <algorithm>

#include "passes/view.h"

namespace tendon {
namespace {

bool is_8_bit(DataType type) { return type == DataType::kInt8 || type == DataType::kUInt8; }

/// The constant scales of a QuantizeLinear or DequantizeLinear whose zero points are all 0.
std::optional<std::vector<float>> scales_of(const Graph& graph, const Node& node) {
  const ValueId scale = input_of(node, 1);
  const ValueId zero = input_of(node, 2);
  if (!graph.is_constant(scale) || graph.type(scale).dtype != DataType::kFloat32) {
    return std::nullopt;
  }
  if (zero != kNone) {
    const auto zeros = constant_int64s(graph, zero);
    if (!zeros || std::ranges::any_of(*zeros, [](int64_t z) { return z != 0; })) {
      return std::nullopt;
    }
  }
  const auto values = graph.value(scale).constant->data<float>();
  return std::vector<float>(values.begin(), values.end());
}

}  // namespace

std::optional<Dequantized> dequantized(const Graph& graph, ValueId id) {
  const auto* op = id == kNone ? nullptr : graph.producer_op<DequantizeLinear>(id);
  if (op == nullptr) return std::nullopt;
  const Node& node = *graph.producer(id);
  const ValueId codes = node.inputs[0];
  auto scales = scales_of(graph, node);
  if (!scales || !is_8_bit(graph.type(codes).dtype)) return std::nullopt;
  const int rank = graph.shape(codes).rank();
  const int axis = scales->size() == 1 ? 0 : normalize_axis(op->axis, rank);
  return Dequantized{codes, std::move(*scales), axis};
}

std::optional<Quantizer> quantizer(const Graph& graph, NodeId node) {
  if (node == kNone) return std::nullopt;
  const Node& found = graph.node(node);
  if (!std::holds_alternative<QuantizeLinear>(found.op)) return std::nullopt;
  const auto scales = scales_of(graph, found);
  const DataType type = graph.type(found.outputs[0]).dtype;
  if (!scales || scales->size() != 1 || !is_8_bit(type) ||
      graph.type(found.inputs[0]).dtype != DataType::kFloat32) {
    return std::nullopt;
  }
  return Quantizer{node, scales->front(), type};
}

std::optional<Quantizer> sole_quantizer(const Graph& graph, ValueId id) {
  return quantizer(graph, sole_reader(graph, id));
}

bool commutes_with_quantizing(const Node& node) {
  if (is_view_node(node)) return true;
  return std::holds_alternative<MaxPool>(node.op) && node.outputs.size() == 1;
}

}  // namespace tendon
