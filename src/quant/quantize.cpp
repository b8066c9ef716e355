#include "quant/quantize.h"

#include <algorithm>

#include "passes/quantized.h"
#include "quant/bias_correction.h"
#include "quant/topology.h"

namespace tendon {
namespace {

/// How a value is quantized.
struct Scale {
  float scale = 1;
  DataType type = DataType::kInt8;
};

Scale scale_of(const TensorRange& range, bool nonnegative, bool unsigned_codes) {
  if (range.byte_exact && unsigned_codes) return {1.0f / 255, DataType::kUInt8};
  return nonnegative && unsigned_codes
             ? Scale{static_cast<float>(range.amax / 255), DataType::kUInt8}
             : Scale{static_cast<float>(range.amax / 127), DataType::kInt8};
}

Tensor zero_of(DataType type) { return cast(Tensor::scalar<int64_t>(0), type); }

class Quantizing {
 public:
  Quantizing(Graph& graph, const QuantizationRequest& request, const QuantizationPlan& plan,
             bool unsigned_codes)
      : graph_(graph), request_(request), unsigned_codes_(unsigned_codes) {
    for (WeightLayer& layer : weight_layers(graph)) {
      if (plan.int8_layers.contains(layer.name)) layers_.push_back(std::move(layer));
    }
  }

  void run() {
    for (const WeightLayer& layer : layers_) quantize_layer(layer);
    for (const NodeId id : graph_.topological_order()) quantize_sum(id);
  }

 private:
  /// The value after a Q and DQ of its own; the value itself where it comes from codes already, and
  /// kNone where its range is not known.
  ValueId quantized(ValueId id) {
    if (dequantized(graph_, id)) return id;
    const auto found = quantized_.find(id);
    if (found != quantized_.end()) return found->second;
    const TensorRange* range = range_of(graph_, request_.ranges, id);
    if (range == nullptr) return kNone;
    const Scale scale = scale_of(*range, is_nonnegative(graph_, id), unsigned_codes_);
    const std::string name = graph_.value(id).name;
    GraphEdit edit(graph_);
    const ValueId factor = edit.add_constant(Tensor::scalar(scale.scale), name + ".scale");
    const ValueId zero = edit.add_constant(zero_of(scale.type), name + ".zero_point");
    const ValueId codes = edit.add_node(QuantizeLinear{}, {id, factor, zero}, name + ".quantize");
    const ValueId result =
        edit.add_node(DequantizeLinear{}, {codes, factor, zero}, name + ".dequantize");
    edit.apply();
    quantized_[id] = result;
    return result;
  }

  void quantize_layer(WeightLayer layer) {
    const Node node = graph_.node(layer.linear.node);
    const TensorRange* range = range_of(graph_, request_.ranges, node.inputs[0]);
    const ValueId x = quantized(node.inputs[0]);
    TENDON_ASSERT(x != kNone);
    layer.input = node.inputs[0];
    const QuantizedWeight weight = quantize_weight(*graph_.value(layer.weight).constant,
                                                   layer.linear.weight_axis, request_.weight_limit);
    GraphEdit edit(graph_);
    const std::string& name = graph_.value(layer.weight).name;
    const ValueId codes = edit.add_constant(weight.codes, name + ".codes");
    const ValueId scales = edit.add_constant(weight.scales, name + ".scales");
    const ValueId zeros =
        edit.add_constant(Tensor(DataType::kInt8, weight.scales.shape()), name + ".zero_points");
    const ValueId floats = edit.add_node(DequantizeLinear{.axis = layer.linear.weight_axis},
                                         {codes, scales, zeros}, name + ".dequantize");
    edit.set_input(layer.linear.node, 0, x);
    edit.set_input(layer.linear.node, 1, floats);
    const auto error = range == nullptr
                           ? std::nullopt
                           : mean_weight_error(graph_, layer, weight, range->channel_mean);
    edit.apply();
    if (error) add_to_bias(graph_, layer, *error);
  }

  /// The INT8 convolution that alone makes `id` for one reader, or null.
  const Node* int8_conv(ValueId id) const {
    const Node* node = graph_.producer(id);
    const bool is_conv = node != nullptr && std::holds_alternative<Conv>(node->op) &&
                         sole_reader(graph_, id) != kNone;
    return is_conv && dequantized(graph_, node->inputs[0]) && dequantized(graph_, node->inputs[1])
               ? node
               : nullptr;
  }
  int64_t work(const Node* node) const {
    return node == nullptr ? 0 : graph_.shape(node->inputs[1]).element_count();
  }

  /// A sum of an INT8 convolution and something else, read as codes: the other summand becomes
  /// codes too.
  void quantize_sum(NodeId id) {
    const Node node = graph_.node(id);
    const auto* binary = std::get_if<Binary>(&node.op);
    if (binary == nullptr || binary->kind != BinaryKind::kAdd ||
        graph_.type(node.inputs[0]) != graph_.type(node.inputs[1])) {
      return;
    }
    ValueId result = node.outputs[0];
    if (const auto* unary = sole_reader_op<Unary>(graph_, result);
        unary != nullptr && unary->kind == UnaryKind::kRelu) {
      result = graph_.node(sole_reader(graph_, result)).outputs[0];
    }
    if (!quantized_.contains(result)) return;
    const Node* first = int8_conv(node.inputs[0]);
    const Node* second = int8_conv(node.inputs[1]);
    if (first == nullptr && second == nullptr) return;
    const size_t other = work(first) >= work(second) ? 1 : 0;
    const ValueId codes = quantized(node.inputs[other]);
    if (codes == kNone || codes == node.inputs[other]) return;
    GraphEdit edit(graph_);
    edit.set_input(id, other, codes);
    edit.apply();
  }

  Graph& graph_;
  const QuantizationRequest& request_;
  const bool unsigned_codes_;
  std::vector<WeightLayer> layers_;
  std::map<ValueId, ValueId> quantized_;
};

}  // namespace

void quantize(Graph& graph, const QuantizationRequest& request, const QuantizationPlan& plan,
              const Dialect& dialect) {
  Quantizing(graph, request, plan, dialect.unsigned_codes).run();
  if (dialect.finish != nullptr) dialect.finish(graph, request.ranges);
}

}  // namespace tendon
