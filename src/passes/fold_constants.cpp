// Computes at compile time what does not depend on the inputs.
#include "base/data_type.h"
#include "base/limits.h"
#include "passes/passes.h"
#include "passes/rewrite.h"

namespace tendon {
namespace {

std::optional<std::vector<Tensor>> known_outputs(const Graph& graph, const Node& node) {
  std::vector<Argument> arguments;
  std::vector<Tensor> inputs;
  bool constant = true;
  for (const ValueId input : node.inputs) {
    if (input == kNone) {
      arguments.emplace_back();
      inputs.emplace_back();
      continue;
    }
    const auto& tensor = graph.value(input).constant;
    constant = constant && tensor.has_value();
    arguments.push_back({graph.type(input), tensor ? &*tensor : nullptr, true});
    inputs.push_back(tensor.value_or(Tensor()));
  }
  try {
    auto outputs = value_from_types(node.op, arguments);
    if (!outputs && constant) outputs = reference(node.op, inputs);
    return outputs;
  } catch (const Error& error) {
    throw error.within(place_of(node));
  }
}

int64_t bytes_folded_before(const Graph& graph) {
  int64_t bytes = 0;
  for (const Value& value : graph.values()) {
    if (value.folded && !value.readers.empty()) {
      bytes += static_cast<int64_t>(value.constant->byte_size());
    }
  }
  return bytes;
}

bool fold(Graph& graph, bool floats) {
  int64_t folded_bytes = bytes_folded_before(graph);
  return rewrite_nodes(graph, [&](NodeId id) {
    const Node& node = graph.node(id);
    // Weights that a file holds in int8 are meant to be used so.
    if (std::holds_alternative<DequantizeLinear>(node.op)) return false;
    int64_t bytes = 0;
    for (const ValueId output : node.outputs) {
      if (output == kNone) continue;
      const TensorType& type = graph.type(output);
      if (!floats && is_floating(type.dtype)) return false;
      bytes += type.shape.element_count() * static_cast<int64_t>(size_of(type.dtype));
    }
    if (folded_bytes + bytes > limits().max_folded_bytes) return false;
    const auto results = known_outputs(graph, node);
    if (!results) return false;
    folded_bytes += bytes;
    GraphEdit edit(graph);
    for (size_t i = 0; i < node.outputs.size(); ++i) {
      if (node.outputs[i] != kNone) edit.replace_by_constant(node.outputs[i], (*results)[i]);
    }
    edit.apply();
    return true;
  });
}

}  // namespace

bool fold_constants(Graph& graph) { return fold(graph, true); }
bool fold_shape_arithmetic(Graph& graph) { return fold(graph, false); }

}  // namespace tendon
