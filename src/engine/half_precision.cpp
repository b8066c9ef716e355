#include "engine/half_precision.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <set>

#include "ir/infer.h"

namespace tendon {
namespace {

constexpr float kLargestHalf = 65504.0F;
/// The layers that float16 pays in; what is before the first of them prepares the inputs.
constexpr std::array<std::string_view, 8> kHalfProducts = {
    "FusedConv", "FusedMatMul", "Attention",        "Conv",
    "MatMul",    "Gemm",        "NormalizedMatMul", "ImageConv"};

/// Whether an input is read in the type that it has: images and what is subtracted from them.
bool keeps_type(const Node& node, size_t input) {
  return std::holds_alternative<ImageConv>(node.op) && (input == 0 || input == 3);
}

class Lowering {
 public:
  explicit Lowering(const Graph& graph) : old_(graph) {
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
    for (const NodeId id : old_.topological_order()) lower(old_.node(id));
    for (const ValueId id : old_.outputs()) made_.add_output(full(id));
    made_.make_value_names_unique();
    infer_shapes(made_);
    return std::move(made_);
  }

  std::vector<KeptInFloat> kept;

 private:
  static bool is_product(const Node& node) {
    return std::ranges::count(kHalfProducts, type_of(node.op)) > 0;
  }
  bool is_float(ValueId id) const {
    return id != kNone && old_.type(id).dtype == DataType::kFloat32;
  }

  /// Why a node keeps float32; empty where it does not.
  std::string reason_of(const Node& node) const {
    const auto any = [](const std::vector<ValueId>& ids, const auto& test) {
      return std::ranges::any_of(ids, [&](ValueId id) { return id != kNone && test(id); });
    };
    if (makes_output(node)) return "makes an output";
    if (!is_product(node) && is_preparation(node)) return "prepares an input";
    if (finishing_.contains(&node)) return "finishes an output";
    // A state that is rounded at every step drifts over the sequence.
    if (std::holds_alternative<Recurrent>(node.op)) return "keeps its state in float32";
    if (!any(node.outputs, [&](ValueId id) { return is_float(id); })) return "is not float32";
    if (any(node.inputs, [&](ValueId id) { return old_.is_constant(id) && !fits(id); })) {
      return "has a constant beyond float16's range";
    }
    return {};
  }

  bool makes_output(const Node& node) const {
    return std::ranges::any_of(node.outputs,
                               [&](ValueId id) { return id != kNone && old_.is_output(id); });
  }

  /// What only layers that make an output read, and what only that is read by: there is little of
  /// it, and its rounding would reach the output undiminished.
  void find_finishing() {
    const auto order = old_.topological_order();
    for (auto id = order.rbegin(); id != order.rend(); ++id) {
      const Node& node = old_.node(*id);
      if (is_product(node) || makes_output(node)) continue;
      const bool finishes = std::ranges::all_of(node.outputs, [&](ValueId output) {
        return output == kNone ||
               std::ranges::all_of(old_.value(output).readers, [&](NodeId reader) {
                 return finishing_.contains(&old_.node(reader)) || makes_output(old_.node(reader));
               });
      });
      if (finishes) finishing_.insert(&node);
    }
  }

  bool is_preparation(const Node& node) const {
    return std::ranges::all_of(node.inputs, [&](ValueId id) {
      return id == kNone || old_.is_constant(id) || prepares_.contains(id);
    });
  }

  bool fits(ValueId id) const {
    if (!is_float(id)) return true;
    const auto data = old_.value(id).constant->data<float>();
    return std::ranges::all_of(
        data, [](float x) { return !std::isfinite(x) || std::fabs(x) <= kLargestHalf; });
  }

  void lower(const Node& node) {
    const std::string reason = reason_of(node);
    const bool half = reason.empty();
    if (!half && is_product(node)) kept.push_back({node.name, reason});
    std::vector<ValueId> inputs;
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      const ValueId id = node.inputs[i];
      const bool to_half = half && is_float(id) && !keeps_type(node, i);
      inputs.push_back(id == kNone ? kNone : to_half ? this->half(id) : full(id));
    }
    std::vector<std::string> names;
    for (const ValueId id : node.outputs) {
      names.push_back(id == kNone ? std::string() : old_.value(id).name);
    }
    const bool prepares = !is_product(node) && is_preparation(node);
    const NodeId made = made_.add_node(node.op, inputs, names, node.name);
    for (size_t i = 0; i < node.outputs.size(); ++i) {
      const ValueId id = node.outputs[i];
      if (id == kNone) continue;
      (half && is_float(id) ? half_ : full_)[id] = made_.node(made).outputs[i];
      if (prepares) prepares_.insert(id);
    }
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
    return half_[id] =
               value.constant
                   ? made_.add_constant(cast(*value.constant, DataType::kFloat16), value.name)
                   : convert(full_.at(id), value.name + ".float16", DataType::kFloat16);
  }

  const Graph& old_;
  Graph made_;
  std::map<ValueId, ValueId> full_, half_;
  std::set<ValueId> prepares_;
  std::set<const Node*> finishing_;
};

}  // namespace

std::vector<KeptInFloat> lower_to_half(Graph& graph) {
  Lowering lowering(graph);
  Graph lowered = lowering.run();
  graph = std::move(lowered);
  return std::move(lowering.kept);
}

}  // namespace tendon
