#include "engine/half_precision.h"

#include <algorithm>
#include <map>
#include <set>

#include "base/format.h"
#include "engine/half_range.h"
#include "engine/layer_cost.h"
#include "ir/infer.h"

namespace tendon {
namespace {

bool is_quantized_product(const Node& node) {
  return std::holds_alternative<QuantizedConv>(node.op) ||
         std::holds_alternative<QuantizedMatMul>(node.op) ||
         std::holds_alternative<QuantizedNormalizedMatMul>(node.op);
}

/// Whether a layer computes on images or on what was made of them, and prepares no input.
bool is_work(const Node& node) {
  return is_half_product(node) || is_quantized_product(node) ||
         std::holds_alternative<QuantizedImageConv>(node.op);
}

/// Whether an input is read in the type that it has: images and what is subtracted from them, an
/// 8-bit product's scales and its bias of one element a channel.
bool keeps_type(const Graph& graph, const Node& node, size_t input) {
  if (is_quantized_product(node)) {
    return input == 2 || (input == 3 && graph.shape(node.inputs[3]).element_count() <=
                                            graph.shape(node.inputs[2]).element_count());
  }
  if (std::holds_alternative<QuantizedImageConv>(node.op)) return true;
  return std::holds_alternative<ImageConv>(node.op) && (input == 0 || input == 3);
}

/// Whether a layer's float32 results are said by its attributes or constants, not by its input.
bool chooses_type(const Node& node) {
  return std::holds_alternative<Cast>(node.op) || std::holds_alternative<ConstantOfShape>(node.op);
}

/// Part of a graph's multiply-adds that its last products may do and stay in float32 with
/// HalfOf::kProducts: bfloat16's 8 bits would show in the outputs.
constexpr double kFinishingWork = 0.01;
/// Beside 8-bit layers, whose errors are larger: of an ACT for three cameras the feed-forward of
/// its one live decoder layer and the head.
constexpr double kFinishingWorkBesideCodes = 0.0065;

bool normalizes(const Node& node) {
  return std::holds_alternative<LayerNormalization>(node.op) ||
         std::holds_alternative<AddLayerNormalization>(node.op);
}

/// Whether a layer reads or makes codes besides float32.
bool is_quantized(const Node& node) {
  return is_quantized_product(node) ||
         std::holds_alternative<QuantizedLayerNormalization>(node.op) ||
         std::holds_alternative<DequantizeLinear>(node.op);
}

class Lowering {
 public:
  Lowering(const Graph& graph, DataType half_type, const Ranges& ranges, const HalfJudge& judge,
           HalfOf of)
      : old_(graph),
        half_type_(half_type),
        ranges_(ranges),
        judge_(judge),
        products_alone_(of == HalfOf::kProducts) {
    made_.name = graph.name;
    made_.metadata = graph.metadata;
  }

  Graph run() {
    for (const GraphInput& input : old_.inputs()) {
      const Value& value = old_.value(input.value);
      full_[input.value] = made_.add_input(value.name, input.dtype, input.dims);
      prepares_.insert(input.value);
    }
    find_finishing();
    for (const NodeId id : old_.topological_order()) classify(old_.node(id));
    find_full_moves();
    find_full_results();
    if (judge_) ask_judge();
    for (const NodeId id : old_.topological_order()) lower(old_.node(id));
    for (const ValueId id : old_.outputs()) made_.add_output(full(id));
    made_.make_value_names_unique();
    infer_shapes(made_);
    return std::move(made_);
  }

  std::vector<KeptInFloat> kept;

 private:
  bool is_float(ValueId id) const {
    return id != kNone && old_.type(id).dtype == DataType::kFloat32;
  }

  /// Why a node keeps float32; empty where it does not. Those before it are classified.
  std::string reason_of(const Node& node) const {
    const auto any = [](const std::vector<ValueId>& ids, const auto& test) {
      return std::ranges::any_of(ids, [&](ValueId id) { return id != kNone && test(id); });
    };
    if (makes_output(node)) return "makes an output";
    if (!is_work(node) && is_preparation(node)) return "prepares an input";
    if (finishing_.contains(&node)) return "finishes an output";
    // A state that is rounded at every step drifts over the sequence.
    if (std::holds_alternative<Recurrent>(node.op)) return "keeps its state in float32";
    const bool makes_codes = std::holds_alternative<ImageConv>(node.op);
    if (!makes_codes && !any(node.outputs, [&](ValueId id) { return is_float(id); })) {
      return "is not float32";
    }
    if (chooses_type(node)) return "says its own type";
    // It normalises the residual stream, which every layer adds to.
    const bool keeps_stream = products_alone_ && normalizes(node);
    if (keeps_stream || std::holds_alternative<LayerNormalizationMatMul>(node.op)) {
      return "normalises in float32";
    }
    const bool mixes = !products_alone_ && !std::holds_alternative<DequantizeLinear>(node.op);
    if (is_quantized(node) && !mixes) return "works on 8-bit codes";
    if (!is_half_product(node) &&
        any(node.inputs, [&](ValueId id) { return joined_.contains(id); })) {
      return "works on what 8-bit layers write in float32";
    }
    return {};
  }

  void classify(const Node& node) {
    std::string& reason = reasons_[&node] = reason_of(node);
    if (reason.empty() && half_type_ == DataType::kFloat16) {
      reason = objection_to_half(old_, node, ranges_);
      if (!reason.empty()) objected_.insert(&node);
    }
    const bool prepares = !is_work(node) && is_preparation(node);
    const bool joins = products_alone_ && (is_quantized(node) || reason.starts_with("works on"));
    for (const ValueId id : node.outputs) {
      if (id == kNone) continue;
      if (prepares) prepares_.insert(id);
      if (joins && is_float(id)) joined_.insert(id);
    }
  }

  void ask_judge() {
    std::vector<HalfLayer> layers;
    for (const NodeId id : old_.topological_order()) {
      const Node& node = old_.node(id);
      if (!is_half(node)) continue;
      layers.push_back({id, {}});
      for (size_t i = 0; i < node.inputs.size(); ++i) {
        if (reads_half(node, i)) layers.back().inputs.push_back(i);
      }
    }
    for (const auto& [id, objection] : judge_(old_, layers)) {
      reasons_[&old_.node(id)] = objection;
      objected_.insert(&old_.node(id));
    }
  }

  /// Of a layer that is to be half.
  bool reads_half(const Node& node, size_t input) const {
    return is_float(node.inputs[input]) && !keeps_type(old_, node, input) &&
           !(writes_full_.contains(&node) && input >= 2);
  }

  bool is_half(const Node& node) const { return reasons_.at(&node).empty(); }

  template <class Test>
  bool all_readers(ValueId id, const Test& test) const {
    return std::ranges::all_of(old_.value(id).readers,
                               [&](NodeId reader) { return test(old_.node(reader)); });
  }

  /// Whether an 8-bit layer with a float32 result is to write half; it then has no residual, since
  /// that is summed in place.
  bool writes_half(const Node& node) const {
    const auto* conv = std::get_if<QuantizedConv>(&node.op);
    const auto* product = std::get_if<QuantizedMatMul>(&node.op);
    if (!products_alone_ || (conv == nullptr && product == nullptr)) return false;
    const ValueId y = node.outputs[0];
    const bool residual = node.inputs.size() > 4 && node.inputs[4] != kNone;
    return is_float(y) && !residual && !old_.is_output(y) &&
           all_readers(
               y, [&](const Node& reader) { return is_half_product(reader) && is_half(reader); });
  }

  /// What is no product, is read in float32 alone and finds float32 itself, or can have products
  /// write it, would only be converted back and forth.
  void find_full_moves() {
    if (!products_alone_) return;
    const auto order = old_.topological_order();
    for (auto id = order.rbegin(); id != order.rend(); ++id) {
      const Node& node = old_.node(*id);
      if (!is_half(node) || is_half_product(node)) continue;
      const auto is_there = [&](ValueId input) {
        if (!is_float(input)) return true;
        const Node* producer = old_.producer(input);
        return producer == nullptr || !is_half(*producer) ||
               (std::holds_alternative<FusedMatMul>(producer->op) && old_.use_count(input) == 1);
      };
      const auto is_read_in_full = [&](ValueId output) {
        return output == kNone || all_readers(output, [&](const Node& reader) {
                 return !is_half(reader) && !std::holds_alternative<QuantizeLinear>(reader.op);
               });
      };
      if (std::ranges::all_of(node.inputs, is_there) &&
          std::ranges::all_of(node.outputs, is_read_in_full)) {
        reasons_[&node] = "is read in float32 alone";
      }
    }
  }

  /// The half products that are to write float32, in which they then add bias and residual: only
  /// float32 layers read the result, and such products add it.
  void find_full_results() {
    if (!products_alone_) return;
    const auto order = old_.topological_order();
    for (auto id = order.rbegin(); id != order.rend(); ++id) {
      const Node& node = old_.node(*id);
      if (!is_half(node) || !std::holds_alternative<FusedMatMul>(node.op)) continue;
      const ValueId y = node.outputs[0];
      const bool full = all_readers(y, [&](const Node& reader) {
        if (writes_full_.contains(&reader)) return !is_factor(reader, y);
        return !is_half(reader) && !std::holds_alternative<QuantizeLinear>(reader.op);
      });
      if (full) writes_full_.insert(&node);
    }
  }

  static bool is_factor(const Node& product, ValueId id) {
    return product.inputs[0] == id || product.inputs[1] == id;
  }

  bool makes_output(const Node& node) const {
    return std::ranges::any_of(node.outputs,
                               [&](ValueId id) { return id != kNone && old_.is_output(id); });
  }

  int64_t work_of(const Node& node) const {
    std::vector<Argument> inputs;
    for (const ValueId id : node.inputs) {
      inputs.push_back(id == kNone ? Argument() : Argument{old_.type(id), nullptr, true});
    }
    std::vector<TensorType> outputs;
    for (const ValueId id : node.outputs) {
      outputs.push_back(id == kNone ? TensorType() : old_.type(id));
    }
    return multiply_adds(node.op, inputs, outputs);
  }

  /// What only layers that make an output read, and what only that is read by: there is little of
  /// it, and its rounding would reach the output undiminished. Of products alone also the last
  /// ones.
  void find_finishing() {
    const auto order = old_.topological_order();
    double left = 0;
    if (products_alone_) {
      bool codes = false;
      for (const NodeId id : order) {
        left += static_cast<double>(work_of(old_.node(id)));
        codes = codes || is_quantized_product(old_.node(id));
      }
      left *= codes ? kFinishingWorkBesideCodes : kFinishingWork;
    }
    for (auto id = order.rbegin(); id != order.rend(); ++id) {
      const Node& node = old_.node(*id);
      const bool fixed = products_alone_ ? is_quantized(node) : is_work(node);
      if (fixed || makes_output(node)) continue;
      const bool finishes = std::ranges::all_of(node.outputs, [&](ValueId output) {
        return output == kNone || all_readers(output, [&](const Node& reader) {
                 return finishing_.contains(&reader) || makes_output(reader);
               });
      });
      if (!finishes) continue;
      if (is_half_product(node)) {
        const auto work = static_cast<double>(work_of(node));
        if (work > left) continue;
        left -= work;
      }
      finishing_.insert(&node);
    }
  }

  bool is_preparation(const Node& node) const {
    return std::ranges::all_of(node.inputs, [&](ValueId id) {
      return id == kNone || old_.is_constant(id) || prepares_.contains(id);
    });
  }

  /// Whether a layer that stays in float32 finds its first input in half alone and takes it so:
  /// rounding to codes, normalising, and giving a shape to what will be normalised.
  bool finds_half(const Node& node) const {
    const auto normalises = [](const Node& layer) {
      return std::holds_alternative<LayerNormalizationMatMul>(layer.op);
    };
    const bool passes_on = std::holds_alternative<Reshape>(node.op) && !makes_output(node) &&
                           all_readers(node.outputs[0], normalises);
    const bool takes_half =
        std::holds_alternative<QuantizeLinear>(node.op) || normalises(node) || passes_on;
    return takes_half && half_.contains(node.inputs[0]) && !full_.contains(node.inputs[0]);
  }

  void lower(const Node& node) {
    const bool half = is_half(node);
    const bool found_half = finds_half(node);
    const bool full_result = half && writes_full_.contains(&node);
    const bool passes_half = found_half && std::holds_alternative<Reshape>(node.op);
    const bool half_result = half ? !full_result : passes_half || writes_half(node);
    const std::string& reason = reasons_.at(&node);
    const bool objected = objected_.contains(&node);
    if (objected || (!half && is_half_product(node))) kept.push_back({node.name, reason, objected});
    std::vector<ValueId> inputs;
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      const ValueId id = node.inputs[i];
      const bool as_half = (half && reads_half(node, i)) || (found_half && i == 0);
      inputs.push_back(id == kNone ? kNone : as_half ? this->half(id) : full(id));
    }
    // A float32 summand is what makes such a product's result float32.
    if (full_result && inputs.size() == 2) inputs.push_back(zeros_for(node));
    std::vector<std::string> names;
    for (const ValueId id : node.outputs) {
      names.push_back(id == kNone ? std::string() : old_.value(id).name);
    }
    const NodeId made =
        made_.add_node(half_result ? with_half_result(node.op) : node.op, inputs, names, node.name);
    for (size_t i = 0; i < node.outputs.size(); ++i) {
      const ValueId id = node.outputs[i];
      if (id == kNone) continue;
      (half_result && is_float(id) ? half_ : full_)[id] = made_.node(made).outputs[i];
    }
  }

  ValueId zeros_for(const Node& product) {
    const Shape bias{old_.shape(product.outputs[0]).back()};
    return made_.add_constant(Tensor(DataType::kFloat32, bias), product.name + ".zeros");
  }

  Op with_half_result(Op op) const {
    auto* const conv = std::get_if<QuantizedConv>(&op);
    auto* const product = std::get_if<QuantizedMatMul>(&op);
    if (conv != nullptr && conv->y_dtype == DataType::kFloat32) conv->y_dtype = half_type_;
    if (product != nullptr && product->y_dtype == DataType::kFloat32) product->y_dtype = half_type_;
    return op;
  }

  ValueId convert(ValueId value, const std::string& name, DataType to) {
    const NodeId node = made_.add_node(Cast{.to = to}, {value}, {name}, name);
    return made_.node(node).outputs[0];
  }

  ValueId full(ValueId id) {
    if (const auto known = full_.find(id); known != full_.end()) return known->second;
    const Value& value = old_.value(id);
    return full_[id] = value.constant
                           ? made_.add_constant(*value.constant, value.name)
                           : convert(half_.at(id), value.name + ".float32", DataType::kFloat32);
  }

  ValueId half(ValueId id) {
    if (const auto known = half_.find(id); known != half_.end()) return known->second;
    const Value& value = old_.value(id);
    if (value.constant) {
      return half_[id] = made_.add_constant(cast(*value.constant, half_type_), value.name);
    }
    return half_[id] =
               convert(full_.at(id), fmt::format("{}.{}", value.name, half_type_), half_type_);
  }

  const Graph& old_;
  DataType half_type_;
  const Ranges& ranges_;
  const HalfJudge& judge_;
  const bool products_alone_;
  Graph made_;
  std::map<ValueId, ValueId> full_, half_;
  std::set<ValueId> prepares_;
  /// Float32 that 8-bit layers write, and what is made of it.
  std::set<ValueId> joined_;
  std::map<const Node*, std::string> reasons_;
  /// Those that could be half if it held their values well.
  std::set<const Node*> objected_;
  std::set<const Node*> writes_full_;
  std::set<const Node*> finishing_;
};

}  // namespace

std::vector<KeptInFloat> lower_to_half(Graph& graph, DataType half, const Ranges& ranges,
                                       const HalfJudge& judge, HalfOf of) {
  Lowering lowering(graph, half, ranges, judge, of);
  Graph lowered = lowering.run();
  graph = std::move(lowered);
  return std::move(lowering.kept);
}

}  // namespace tendon
