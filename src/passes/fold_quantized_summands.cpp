// Moves constant summands, such as positions, behind the integer products that read their sums.
#include <algorithm>

#include "passes/passes.h"
#include "passes/quantized.h"

namespace tendon {
namespace {

/// Codes of a value and their scale.
struct Codes {
  ValueId codes = kNone;
  float scale = 1;
  DataType type = DataType::kInt8;
};

/// Those that something makes of `x` already.
std::optional<Codes> codes_of(const Graph& graph, ValueId x) {
  if (const auto* norm = graph.producer_op<QuantizedLayerNormalization>(x)) {
    return Codes{graph.producer(x)->outputs[1], norm->y_scale, norm->y_dtype};
  }
  for (const NodeId reader : graph.value(x).readers) {
    if (const auto found = quantizer(graph, reader)) {
      return Codes{graph.node(reader).outputs[0], found->scale, found->type};
    }
  }
  return std::nullopt;
}

bool takes_quantized_summand(const Graph& graph, ValueId codes, NodeId reader) {
  const Node& node = graph.node(reader);
  const auto* product = std::get_if<QuantizedMatMul>(&node.op);
  const ValueId bias = input_of(node, 3);
  return product != nullptr && node.inputs[0] == codes && graph.is_constant(node.inputs[1]) &&
         graph.is_constant(node.inputs[2]) && (bias == kNone || graph.is_constant(bias));
}

/// scale[n] * w[k, n] for each element of an int8 weight.
Tensor floats_of(const Tensor& weight, std::span<const float> scale, bool trans_b) {
  Tensor floats = cast(weight, DataType::kFloat32);
  const auto values = floats.mutable_data<float>();
  const auto columns = static_cast<size_t>(weight.shape()[1]);
  for (size_t i = 0; i < values.size(); ++i) {
    values[i] *= scale[trans_b ? i / columns : i % columns];
  }
  return floats;
}

}  // namespace

bool fold_quantized_summands(Graph& graph) {
  return rewrite_nodes(graph, [&](NodeId id) {
    const auto quantize = quantizer(graph, id);
    if (!quantize) return false;
    const ValueId codes = graph.node(id).outputs[0];
    const ValueId total = graph.node(id).inputs[0];
    const auto* add = graph.producer_op<Binary>(total);
    if (add == nullptr || add->kind != BinaryKind::kAdd || graph.is_output(codes)) return false;
    const std::vector<ValueId>& summands = graph.producer(total)->inputs;
    const size_t constant = graph.is_constant(summands[0]) ? 0 : 1;
    const ValueId p = summands[constant];
    const ValueId x = summands[1 - constant];
    if (!graph.is_constant(p) || graph.type(x) != graph.type(total)) return false;
    const Shape shape = without_leading_ones(graph.shape(p));
    const bool is_row = shape.rank() == 1 && shape.back() == graph.shape(x).back();
    if (!is_row && shape.element_count() != graph.shape(x).element_count()) return false;
    const auto source = codes_of(graph, x);
    const std::vector<NodeId> readers = graph.value(codes).readers;
    if (!source || source->codes == codes || readers.empty() ||
        !std::ranges::all_of(readers, [&](NodeId reader) {
          return takes_quantized_summand(graph, codes, reader);
        })) {
      return false;
    }
    GraphEdit edit(graph);
    for (const NodeId reader : readers) {
      const Node& node = graph.node(reader);
      const auto& product = std::get<QuantizedMatMul>(node.op);
      const auto old = graph.value(node.inputs[2]).constant->data<float>();
      std::vector<float> weight_scale(old.begin(), old.end());
      for (float& scale : weight_scale) scale /= quantize->scale;
      const std::string name = node.name + ".bias";
      const ValueId weight = edit.add_constant(
          floats_of(*graph.value(node.inputs[1]).constant, weight_scale, product.trans_b),
          node.name + ".floats");
      const ValueId rows = is_row ? add_constant_reshaped(edit, graph, p, {1, shape.back()}) : p;
      ValueId bias = edit.add_node(product.plain(), {rows, weight}, name);
      if (const ValueId before = input_of(node, 3); before != kNone) {
        bias = edit.add_node(Binary{BinaryKind::kAdd}, {bias, before}, name);
      }
      bias = add_reshape(edit, bias, without_leading_ones(edit.type(bias).shape), name);
      for (float& scale : weight_scale) scale *= source->scale;
      std::vector<ValueId> inputs = node.inputs;
      inputs.resize(std::max<size_t>(inputs.size(), 4), kNone);
      inputs[0] = source->codes;
      inputs[2] = edit.add_constant(
          Tensor::from<float>({static_cast<int64_t>(weight_scale.size())}, weight_scale),
          node.name + ".scale");
      inputs[3] = bias;
      edit.replace(node.outputs[0], edit.add_node(product, std::move(inputs), node.name));
    }
    edit.apply();
    return true;
  });
}

}  // namespace tendon
