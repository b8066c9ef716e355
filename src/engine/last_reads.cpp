#include "engine/last_reads.h"

#include <numeric>

#include "engine/choose.h"

namespace tendon {

LastReads::LastReads(const Graph& graph)
    : graph_(graph), roots_(graph.values().size()), last_(graph.values().size(), kNone) {
  std::iota(roots_.begin(), roots_.end(), 0);
  for (const NodeId id : graph.topological_order()) {
    const Node& node = graph.node(id);
    if (is_view(graph, node)) {
      roots_[static_cast<size_t>(node.outputs[0])] = root(node.inputs[0]);
    }
    for (const ValueId input : node.inputs) {
      if (input != kNone) last_[static_cast<size_t>(root(input))] = id;
    }
  }
  for (const ValueId output : graph.outputs()) last_[static_cast<size_t>(root(output))] = kNone;
}

std::vector<size_t> LastReads::reusable_inputs(NodeId id) const {
  std::vector<size_t> inputs;
  const Node& node = graph_.node(id);
  for (size_t i = 0; i < node.inputs.size(); ++i) {
    if (node.inputs[i] == kNone) continue;
    const ValueId value = root(node.inputs[i]);
    const bool owned = !graph_.is_constant(value) && !graph_.is_input(value);
    if (owned && last_[static_cast<size_t>(value)] == id) inputs.push_back(i);
  }
  return inputs;
}

}  // namespace tendon
