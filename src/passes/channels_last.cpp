// Turns 4-D convolutions and pools to channels-last; the transposes around them cancel in chains.
#include <optional>

#include "ir/graph_edit.h"
#include "passes/passes.h"

namespace tendon {
namespace {

const std::vector<int64_t> kToLast = {0, 2, 3, 1};
const std::vector<int64_t> kToFirst = {0, 3, 1, 2};

/// The operator with channels_last set, where it has that layout and does not use it yet.
std::optional<Op> turned(const Node& node) {
  if (const auto* conv = std::get_if<FusedConv>(&node.op);
      conv != nullptr && !conv->channels_last) {
    FusedConv last = *conv;
    last.channels_last = true;
    return last;
  }
  if (const auto* pool = std::get_if<MaxPool>(&node.op);
      pool != nullptr && !pool->channels_last && node.outputs.size() == 1) {
    MaxPool last = *pool;
    last.channels_last = true;
    return last;
  }
  if (const auto* pool = std::get_if<AveragePool>(&node.op);
      pool != nullptr && !pool->channels_last) {
    AveragePool last = *pool;
    last.channels_last = true;
    return last;
  }
  if (const auto* pool = std::get_if<GlobalPool>(&node.op);
      pool != nullptr && !pool->channels_last) {
    GlobalPool last = *pool;
    last.channels_last = true;
    return last;
  }
  return std::nullopt;
}

/// Inputs of the operator that hold an image: X and a FusedConv's residual.
bool is_image_input(size_t index) { return index == 0 || index == 3; }

}  // namespace

bool channels_last(Graph& graph) {
  bool changed = false;
  for (const NodeId id : graph.topological_order()) {
    const Node node = graph.node(id);
    if (!node.alive || node.inputs.empty() || graph.shape(node.inputs[0]).rank() != 4) continue;
    const std::optional<Op> op = turned(node);
    if (!op) continue;
    GraphEdit edit(graph);
    std::vector<ValueId> inputs = node.inputs;
    for (size_t i = 0; i < inputs.size(); ++i) {
      if (inputs[i] == kNone || !is_image_input(i)) continue;
      inputs[i] = edit.add_node(Transpose{.perm = kToLast}, {inputs[i]}, node.name + ".to_last");
    }
    const ValueId last = edit.add_node(*op, std::move(inputs), node.name);
    edit.replace(node.outputs[0],
                 edit.add_node(Transpose{.perm = kToFirst}, {last}, node.name + ".to_first"));
    edit.apply();
    changed = true;
  }
  return changed;
}

}  // namespace tendon
