// Codes with a zero point become codes without, which is what integer kernels multiply.
#include <algorithm>

#include "ops/elements.h"
#include "passes/passes.h"
#include "passes/quantized.h"

namespace tendon {
namespace {

constexpr int64_t kMiddleCode = 128;

/// The zero point of a QuantizeLinear or DequantizeLinear, where it is one for all elements.
std::optional<int64_t> zero_point_of(const Graph& graph, const Node& node) {
  const ValueId zero = input_of(node, 2);
  if (zero == kNone) return 0;
  const auto values = constant_int64s(graph, zero);
  if (!values || values->empty() ||
      std::ranges::any_of(*values, [&](int64_t value) { return value != values->front(); })) {
    return std::nullopt;
  }
  return values->front();
}

ValueId add_zeros(GraphEdit& edit, const Graph& graph, ValueId zero_point, DataType type) {
  const Value& old = graph.value(zero_point);
  return edit.add_constant(Tensor(type, old.type->shape), old.name);
}

bool is_centered_read(const Graph& graph, const Node& node) {
  return std::holds_alternative<DequantizeLinear>(node.op) &&
         zero_point_of(graph, node) == kMiddleCode;
}

/// x -> Q(uint8, 128) -> DQ(128)   ->   x -> Q(int8, 0) -> DQ(0)
bool center_pair(Graph& graph, NodeId id) {
  const Node node = graph.node(id);
  if (!std::holds_alternative<QuantizeLinear>(node.op)) return false;
  const ValueId old_codes = node.outputs[0];
  const auto& readers = graph.value(old_codes).readers;
  if (graph.type(old_codes).dtype != DataType::kUInt8 || graph.is_output(old_codes) ||
      zero_point_of(graph, node) != kMiddleCode ||
      !std::ranges::all_of(
          readers, [&](NodeId reader) { return is_centered_read(graph, graph.node(reader)); })) {
    return false;
  }
  GraphEdit edit(graph);
  QuantizeLinear op = std::get<QuantizeLinear>(node.op);
  op.output_dtype = 0;
  const ValueId codes = edit.add_node(
      op, {node.inputs[0], node.inputs[1], add_zeros(edit, graph, node.inputs[2], DataType::kInt8)},
      node.name);
  for (const NodeId reader : readers) {
    const Node& read = graph.node(reader);
    const ValueId zero = add_zeros(edit, graph, read.inputs[2], DataType::kInt8);
    edit.replace(read.outputs[0], edit.add_node(read.op, {codes, read.inputs[1], zero}, read.name));
  }
  edit.apply();
  return true;
}

/// w (uint8 constant) -> DQ(128)   ->   w - 128 (int8) -> DQ(0)
bool center_constant(Graph& graph, NodeId id) {
  const Node node = graph.node(id);
  if (!is_centered_read(graph, node) || !graph.is_constant(node.inputs[0]) ||
      graph.type(node.inputs[0]).dtype != DataType::kUInt8) {
    return false;
  }
  const Value& old = graph.value(node.inputs[0]);
  std::vector<int64_t> codes = to_int64s(*old.constant);
  for (int64_t& code : codes) code -= kMiddleCode;
  GraphEdit edit(graph);
  const ValueId moved = edit.add_constant(
      cast(Tensor::from<int64_t>(old.type->shape, codes), DataType::kInt8), old.name);
  const ValueId zero = add_zeros(edit, graph, node.inputs[2], DataType::kInt8);
  edit.replace(node.outputs[0], edit.add_node(node.op, {moved, node.inputs[1], zero}, node.name));
  edit.apply();
  return true;
}

/// The elements of a floating constant, or of one that is dequantized.
std::optional<std::vector<double>> constant_values(const Graph& graph, ValueId id) {
  if (graph.is_constant(id)) return to_doubles(*graph.value(id).constant);
  const Node* node = graph.producer(id);
  if (node == nullptr || !std::holds_alternative<DequantizeLinear>(node->op)) return std::nullopt;
  std::vector<Tensor> inputs;
  for (const ValueId input : node->inputs) {
    if (input != kNone && !graph.is_constant(input)) return std::nullopt;
    inputs.push_back(input == kNone ? Tensor() : *graph.value(input).constant);
  }
  return to_doubles(reference(node->op, inputs)[0]);
}

/// The weight's axis of output channels and the factor of the product, where the node is one that
/// takes the zero point into a bias.
struct Product {
  int weight_axis = 0;
  double factor = 1;
};
std::optional<Product> product_of(const Graph& graph, const Node& node) {
  if (std::holds_alternative<Conv>(node.op)) return Product{};
  if (const auto* gemm = std::get_if<Gemm>(&node.op)) {
    if (gemm->trans_a || gemm->beta != 1) return std::nullopt;
    return Product{gemm->trans_b ? 0 : 1, static_cast<double>(gemm->alpha)};
  }
  const bool matmul =
      std::holds_alternative<MatMul>(node.op) && graph.shape(node.inputs[1]).rank() == 2;
  return matmul ? std::optional(Product{1, 1}) : std::nullopt;
}

/// The sums of a weight over all that one output channel reads.
std::vector<double> channel_sums(const Tensor& codes, const Dequantized& weight, int axis) {
  const AxisSplit split = split_at(codes.shape(), axis);
  const std::vector<double> values = to_doubles(codes);
  std::vector<double> sums(static_cast<size_t>(split.count));
  for (size_t i = 0; i < values.size(); ++i) {
    sums[static_cast<size_t>(static_cast<int64_t>(i) / split.inner % split.count)] += values[i];
  }
  for (size_t k = 0; k < sums.size(); ++k) {
    sums[k] *= static_cast<double>(weight.scales[weight.by_tensor() ? 0 : k]);
  }
  return sums;
}

ValueId add_block(GraphEdit& edit, Shape shape, int axis, int64_t size, const Tensor& code,
                  const std::string& name) {
  shape[axis] = size;
  const auto value = to_int64s(code)[0];
  const std::vector<int64_t> codes(static_cast<size_t>(shape.element_count()), value);
  return edit.add_constant(cast(Tensor::from<int64_t>(shape, codes), code.dtype()), name);
}

/// Borders of the code that stands for 0, and the convolution without pads.
ValueId add_borders(GraphEdit& edit, const Graph& graph, const Node& node, Conv& conv,
                    ValueId codes, const Tensor& zero_code) {
  const auto axes = conv.axes(graph.shape(node.inputs[0]), graph.shape(node.inputs[1]));
  conv.auto_pad = "NOTSET";
  conv.pads.assign(2 * axes.size(), 0);
  for (size_t i = 0; i < axes.size(); ++i) {
    const int axis = static_cast<int>(i) + 2;
    std::vector<ValueId> blocks;
    const auto add = [&](int64_t size) {
      if (size > 0) {
        blocks.push_back(
            add_block(edit, edit.type(codes).shape, axis, size, zero_code, node.name + ".border"));
      }
    };
    add(axes[i].pad_begin);
    blocks.push_back(codes);
    add(axes[i].pad_end);
    if (blocks.size() > 1) {
      codes = edit.add_node(Concat{.axis = axis}, std::move(blocks), node.name + ".borders");
    }
  }
  return codes;
}

/// x -> DQ(z) -> Conv(DQ(w), b)   ->   x -> DQ(0) -> Conv(DQ(w), b - s * z * sum(w))
/// Also Gemm and MatMul.
bool move_into_bias(Graph& graph, NodeId id) {
  const Node node = graph.node(id);
  const auto product = product_of(graph, node);
  if (!product || graph.type(node.outputs[0]).dtype != DataType::kFloat32 ||
      graph.producer_op<DequantizeLinear>(node.inputs[0]) == nullptr) {
    return false;
  }
  const Node read = *graph.producer(node.inputs[0]);
  const auto zero = zero_point_of(graph, read);
  const auto weight = dequantized(graph, node.inputs[1]);
  const auto scale = constant_scalar(graph, read.inputs[1]);
  const DataType type = graph.type(read.inputs[0]).dtype;
  if (!zero || *zero == 0 || !weight || !scale || !graph.is_constant(weight->codes) ||
      (type != DataType::kUInt8 && type != DataType::kInt8) ||
      (!weight->by_tensor() && weight->axis != product->weight_axis)) {
    return false;
  }
  std::vector<double> bias =
      channel_sums(*graph.value(weight->codes).constant, *weight, product->weight_axis);
  for (double& value : bias) value *= -product->factor * *scale * static_cast<double>(*zero);

  const bool matmul = std::holds_alternative<MatMul>(node.op);
  if (const ValueId old_bias = matmul ? kNone : input_of(node, 2); old_bias != kNone) {
    const auto old = constant_values(graph, old_bias);
    if (!old || (old->size() != 1 && old->size() != bias.size())) return false;
    for (size_t k = 0; k < bias.size(); ++k) bias[k] += (*old)[old->size() == 1 ? 0 : k];
  }
  // A MatMul's bias is the constant that is added to it, if there is one already.
  const auto* sum = matmul ? sole_reader_op<Binary>(graph, node.outputs[0]) : nullptr;
  NodeId add = kNone;
  if (sum != nullptr && sum->kind == BinaryKind::kAdd) {
    const NodeId reader = sole_reader(graph, node.outputs[0]);
    const ValueId other = other_input(graph.node(reader), node.outputs[0]);
    if (graph.is_constant(other) &&
        graph.shape(other) == Shape{static_cast<int64_t>(bias.size())}) {
      const std::vector<double> old = to_doubles(*graph.value(other).constant);
      for (size_t k = 0; k < bias.size(); ++k) bias[k] += old[k];
      add = reader;
    }
  }

  GraphEdit edit(graph);
  const ValueId values = edit.add_constant(
      cast(Tensor::from<double>({static_cast<int64_t>(bias.size())}, bias), DataType::kFloat32),
      node.name + ".bias");
  Op op = node.op;
  ValueId codes = read.inputs[0];
  if (auto* conv = std::get_if<Conv>(&op)) {
    codes = add_borders(edit, graph, node, *conv, codes, *graph.value(read.inputs[2]).constant);
  }
  const ValueId x = edit.add_node(
      read.op, {codes, read.inputs[1], add_zeros(edit, graph, read.inputs[2], type)}, read.name);
  std::vector<ValueId> inputs{x, node.inputs[1]};
  if (!matmul) inputs.push_back(values);
  ValueId result = edit.add_node(op, std::move(inputs), node.name);
  if (add != kNone) {
    const size_t index = graph.node(add).inputs[0] == node.outputs[0] ? 1 : 0;
    edit.set_input(add, index, values);
  } else if (matmul) {
    result = edit.add_node(Binary{BinaryKind::kAdd}, {result, values}, node.name + ".add");
  }
  edit.replace(node.outputs[0], result);
  edit.apply();
  return true;
}

}  // namespace

bool remove_zero_points(Graph& graph) {
  return rewrite_nodes(graph, [&](NodeId id) {
    return center_pair(graph, id) || center_constant(graph, id) || move_into_bias(graph, id);
  });
}

}  // namespace tendon
