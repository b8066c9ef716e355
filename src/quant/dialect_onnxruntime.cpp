// ONNX Runtime's Q/DQ form: groups of DequantizeLinear, one operator and QuantizeLinear.
#include <algorithm>
#include <cmath>

#include "ops/elements.h"
#include "passes/linear.h"
#include "passes/quantized.h"
#include "quant/dialect.h"
#include "quant/quantization_plan.h"
#include "quant/topology.h"

namespace tendon {
namespace {

/// The zero point that makes uint8 of int8: codes move up by as much.
constexpr int kMiddleCode = 128;
/// Biases stay this far from the ends of int32, where the sums to which they are added begin.
constexpr double kLargestBias = 1 << 30;

bool is_dequantized(const Graph& graph, ValueId id) {
  return id != kNone && graph.producer_op<DequantizeLinear>(id) != nullptr;
}

/// The codes of a value that is written as codes.
struct Code {
  float scale = 1;
  DataType type = DataType::kInt8;

  double amax() const {
    return static_cast<double>(scale) * (type == DataType::kUInt8 ? 255.0 : 127.0);
  }
};
Code code_for(double amax, bool nonnegative) {
  return nonnegative ? Code{static_cast<float>(amax / 255), DataType::kUInt8}
                     : Code{static_cast<float>(amax / 127), DataType::kInt8};
}

/// The quantizer among the readers of `id`.
std::optional<Quantizer> quantizer_of(const Graph& graph, ValueId id) {
  for (const NodeId reader : graph.value(id).readers) {
    if (const auto found = quantizer(graph, reader)) return found;
  }
  return std::nullopt;
}

/// `id`, or what a Relu that alone reads it makes.
ValueId behind_relu(const Graph& graph, ValueId id) {
  const auto* unary = sole_reader_op<Unary>(graph, id);
  const bool relu = unary != nullptr && unary->kind == UnaryKind::kRelu;
  return relu ? graph.node(sole_reader(graph, id)).outputs[0] : id;
}

class ResultWriter {
 public:
  ResultWriter(Graph& graph, const Ranges& ranges) : graph_(graph), ranges_(ranges) {}

  void write(NodeId id) {
    const Node& node = graph_.node(id);
    const bool sum = is_sum(node);
    if (!sum && !is_convolution(node)) return;
    const ValueId result = behind_relu(graph_, node.outputs[0]);
    if (graph_.is_output(result) || (sum && !quantizer_of(graph_, result))) return;
    if (const auto code = code_of(result)) read_as_codes(result, *code);
  }

 private:
  bool is_convolution(const Node& node) const {
    return std::holds_alternative<Conv>(node.op) && is_dequantized(graph_, node.inputs[0]) &&
           is_dequantized(graph_, node.inputs[1]);
  }
  bool is_sum(const Node& node) const {
    const auto* binary = std::get_if<Binary>(&node.op);
    return binary != nullptr && binary->kind == BinaryKind::kAdd &&
           is_dequantized(graph_, node.inputs[0]) && is_dequantized(graph_, node.inputs[1]);
  }

  /// As its readers have it, so that nothing is rounded twice; else by its range.
  std::optional<Code> code_of(ValueId id) const {
    for (ValueId moved = id;;) {
      if (const auto found = quantizer_of(graph_, moved)) return Code{found->scale, found->type};
      const NodeId reader = sole_reader(graph_, moved);
      if (reader == kNone || !commutes_with_quantizing(graph_.node(reader))) break;
      moved = graph_.node(reader).outputs[0];
    }
    const bool nonnegative = is_nonnegative(graph_, id);
    if (const TensorRange* range = range_of(graph_, ranges_, id)) {
      return code_for(range->amax, nonnegative);
    }
    if (const auto amax = summand_bound(id)) return code_for(*amax, nonnegative);
    return std::nullopt;
  }

  std::optional<double> amax_of(ValueId id) const {
    if (const auto found = quantizer_of(graph_, id)) return Code{found->scale, found->type}.amax();
    const TensorRange* range = range_of(graph_, ranges_, id);
    return range == nullptr ? std::nullopt : std::optional(range->amax);
  }

  /// How far from 0 a summand matters: beyond it the sum is clipped to its own range anyway, or is
  /// below 0 where a Relu follows.
  std::optional<double> summand_bound(ValueId id) const {
    const auto* binary = sole_reader_op<Binary>(graph_, id);
    if (binary == nullptr || binary->kind != BinaryKind::kAdd) return std::nullopt;
    const Node& add = graph_.node(sole_reader(graph_, id));
    const ValueId sum = behind_relu(graph_, add.outputs[0]);
    ValueId other = other_input(add, id);
    if (is_dequantized(graph_, other)) {
      other = graph_.producer(graph_.producer(other)->inputs[0])->inputs[0];
    }
    const auto whole = amax_of(sum);
    const auto rest = amax_of(other);
    if (!whole || !rest) return std::nullopt;
    const bool cut_at_zero = sum != add.outputs[0] && is_nonnegative(graph_, other);
    return cut_at_zero ? std::max(*whole, *rest) : *whole + *rest;
  }

  /// Every reader of `id` gets it through one Q and DQ.
  void read_as_codes(ValueId id, const Code& code) {
    GraphEdit edit(graph_);
    const std::string name = graph_.value(id).name;
    const auto old = quantizer_of(graph_, id);
    ValueId result = kNone;
    if (old) {
      const ValueId codes = graph_.node(old->node).outputs[0];
      result = graph_.node(graph_.value(codes).readers.front()).outputs[0];
    } else {
      const Tensor zero_point = cast(Tensor::scalar<int64_t>(0), code.type);
      const ValueId scale = edit.add_constant(Tensor::scalar(code.scale), name + ".scale");
      const ValueId zero = edit.add_constant(zero_point, name + ".zero_point");
      const ValueId codes = edit.add_node(QuantizeLinear{}, {id, scale, zero}, name + ".quantize");
      result = edit.add_node(DequantizeLinear{}, {codes, scale, zero}, name + ".dequantize");
    }
    for (const NodeId reader : graph_.value(id).readers) {
      if (old && reader == old->node) continue;
      const auto& inputs = graph_.node(reader).inputs;
      for (size_t i = 0; i < inputs.size(); ++i) {
        if (inputs[i] == id) edit.set_input(reader, i, result);
      }
    }
    if (!edit.empty()) edit.apply();
  }

  Graph& graph_;
  const Ranges& ranges_;
};

/// Makes the scale of output channel `k` so large that `bias` fits int32; codes follow.
Tensor with_larger_scales(const Tensor& codes, int axis, std::span<const float> old_scales,
                          std::span<const float> scales) {
  const AxisSplit split = split_at(codes.shape(), axis);
  std::vector<double> values = to_doubles(codes);
  for (size_t i = 0; i < values.size(); ++i) {
    const auto k = static_cast<size_t>(static_cast<int64_t>(i) / split.inner % split.count);
    if (old_scales[k] == scales[k]) continue;
    values[i] = std::nearbyint(values[i] * static_cast<double>(old_scales[k]) /
                               static_cast<double>(scales[k]));
  }
  return cast(Tensor::from<double>(codes.shape(), values), codes.dtype());
}

/// Where a product gets its bias.
struct BiasPlace {
  NodeId node = kNone;
  size_t input = 2;
};
/// Of a MatMul it is the Add that alone reads it: ONNX Runtime makes a Gemm of the two.
std::optional<BiasPlace> bias_place(const Graph& graph, NodeId id) {
  const Node& node = graph.node(id);
  if (std::holds_alternative<Conv>(node.op) || std::holds_alternative<Gemm>(node.op)) {
    return input_of(node, 2) == kNone ? std::nullopt : std::optional(BiasPlace{id});
  }
  if (!std::holds_alternative<MatMul>(node.op)) return std::nullopt;
  const ValueId output = node.outputs[0];
  const auto* binary = sole_reader_op<Binary>(graph, output);
  if (binary == nullptr || binary->kind != BinaryKind::kAdd) return std::nullopt;
  const NodeId add = sole_reader(graph, output);
  const size_t input = graph.node(add).inputs[0] == output ? 1 : 0;
  const bool by_channel =
      graph.shape(graph.node(add).inputs[input]) == Shape{graph.shape(output).back()};
  return by_channel ? std::optional(BiasPlace{add, input}) : std::nullopt;
}

/// x -> DQ -> Conv(DQ(w), b)   ->   x -> DQ -> Conv(DQ(w), DQ(int32 b))
void write_integer_bias(Graph& graph, NodeId id) {
  const auto place = bias_place(graph, id);
  if (!place) return;
  const Node node = graph.node(id);
  const auto* gemm = std::get_if<Gemm>(&node.op);
  const ValueId bias = graph.node(place->node).inputs[place->input];
  const auto x = dequantized(graph, node.inputs[0]);
  const auto weight = dequantized(graph, node.inputs[1]);
  if (!graph.is_constant(bias) || !x || !weight) return;

  const double alpha = gemm == nullptr ? 1.0 : static_cast<double>(gemm->alpha);
  const double product = std::abs(alpha) * static_cast<double>(x->scales.front());
  std::vector<double> values = to_doubles(*graph.value(bias).constant);
  std::vector<float> scales = weight->scales;
  values.resize(scales.size(), values.front());
  std::vector<float> bias_scales(scales.size());
  std::vector<int32_t> codes(scales.size());
  for (size_t k = 0; k < scales.size(); ++k) {
    const auto least = static_cast<float>(std::abs(values[k]) / (product * kLargestBias));
    scales[k] = std::max(scales[k], least);
    bias_scales[k] = static_cast<float>(product * static_cast<double>(scales[k]));
    codes[k] = static_cast<int32_t>(
        std::nearbyint(values[k] / (product * static_cast<double>(scales[k]))));
  }

  const Shape shape{static_cast<int64_t>(scales.size())};
  GraphEdit edit(graph);
  if (scales != weight->scales) {
    const Node old = *graph.producer(node.inputs[1]);
    std::vector<ValueId> inputs = old.inputs;
    inputs[0] = edit.add_constant(with_larger_scales(*graph.value(weight->codes).constant,
                                                     weight->axis, weight->scales, scales),
                                  graph.value(weight->codes).name);
    inputs[1] =
        edit.add_constant(Tensor::from<float>(shape, scales), graph.value(old.inputs[1]).name);
    edit.set_input(id, 1, edit.add_node(old.op, std::move(inputs), old.name));
  }
  const std::string& name = graph.value(bias).name;
  const ValueId floats =
      edit.add_node(DequantizeLinear{.axis = 0},
                    {edit.add_constant(Tensor::from<int32_t>(shape, codes), name + ".codes"),
                     edit.add_constant(Tensor::from<float>(shape, bias_scales), name + ".scales"),
                     edit.add_constant(Tensor(DataType::kInt32, shape), name + ".zero_points")},
                    name + ".dequantize");
  edit.set_input(place->node, place->input, floats);
  edit.apply();
}

/// x -> Q(int8, 0) -> DQ   ->   x -> Q(uint8, 128) -> DQ
void write_unsigned(Graph& graph, NodeId id) {
  const auto found = quantizer(graph, id);
  if (!found || found->type != DataType::kInt8) return;
  const Node quantize = graph.node(id);
  const Tensor middle = cast(Tensor::scalar<int64_t>(kMiddleCode), DataType::kUInt8);
  GraphEdit edit(graph);
  const ValueId zero = edit.add_constant(middle, graph.value(quantize.inputs[2]).name);
  const ValueId codes =
      edit.add_node(quantize.op, {quantize.inputs[0], quantize.inputs[1], zero}, quantize.name);
  for (const NodeId reader : graph.value(quantize.outputs[0]).readers) {
    const Node& dequantize = graph.node(reader);
    TENDON_ASSERT(std::holds_alternative<DequantizeLinear>(dequantize.op));
    edit.replace(
        dequantize.outputs[0],
        edit.add_node(dequantize.op, {codes, dequantize.inputs[1], zero}, dequantize.name));
  }
  edit.apply();
}

}  // namespace

void finish_for_onnxruntime(Graph& graph, const Ranges& ranges) {
  ResultWriter results(graph, ranges);
  for (const NodeId id : graph.topological_order()) results.write(id);
  for (const NodeId id : graph.topological_order()) write_integer_bias(graph, id);
  for (const NodeId id : graph.topological_order()) write_unsigned(graph, id);
}

}  // namespace tendon
