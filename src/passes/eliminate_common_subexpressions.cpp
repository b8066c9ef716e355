// Computes equal things once.
#include <algorithm>
#include <unordered_map>

#include "passes/passes.h"
#include "passes/rewrite.h"

namespace tendon {
namespace {

/// Equal tensors have equal keys; the first bytes tell most others apart.
std::string constant_key(const Tensor& tensor) {
  const size_t bytes = std::min<size_t>(tensor.byte_size(), 64);
  return to_string(tensor.type()) + std::string(static_cast<const char*>(tensor.raw()), bytes);
}

bool merge_constants(Graph& graph) {
  std::unordered_map<std::string, std::vector<ValueId>> seen;
  bool changed = false;
  for (ValueId id = 0; id < static_cast<ValueId>(graph.values().size()); ++id) {
    if (!graph.is_constant(id) || graph.use_count(id) == 0 || graph.is_output(id)) continue;
    const Tensor& tensor = *graph.value(id).constant;
    auto& candidates = seen[constant_key(tensor)];
    const auto equal = std::ranges::find_if(candidates, [&](ValueId candidate) {
      const Tensor& other = *graph.value(candidate).constant;
      return other == tensor;
    });
    if (equal == candidates.end()) {
      candidates.push_back(id);
      continue;
    }
    GraphEdit edit(graph);
    edit.replace(id, *equal);
    edit.apply();
    changed = true;
  }
  return changed;
}

bool same_computation(const Graph& graph, const Node& a, const Node& b) {
  if (a.op != b.op || a.outputs.size() != b.outputs.size()) return false;
  for (size_t i = 0; i < a.outputs.size(); ++i) {
    if ((a.outputs[i] == kNone) != (b.outputs[i] == kNone)) return false;
    if (a.outputs[i] != kNone && !can_replace(graph, b.outputs[i], a.outputs[i])) return false;
  }
  return true;
}

bool merge_nodes(Graph& graph) {
  std::unordered_map<std::string, std::vector<NodeId>> seen;
  return rewrite_nodes(graph, [&](NodeId id) {
    const Node& node = graph.node(id);
    const std::string key = fmt::format("{} {}", type_of(node.op), fmt::join(node.inputs, ","));
    auto& candidates = seen[key];
    const auto equal = std::ranges::find_if(candidates, [&](NodeId candidate) {
      const Node& other = graph.node(candidate);
      return other.alive && same_computation(graph, other, node);
    });
    if (equal == candidates.end()) {
      candidates.push_back(id);
      return false;
    }
    GraphEdit edit(graph);
    for (size_t i = 0; i < node.outputs.size(); ++i) {
      if (node.outputs[i] != kNone) edit.replace(node.outputs[i], graph.node(*equal).outputs[i]);
    }
    edit.apply();
    return true;
  });
}

}  // namespace

bool eliminate_common_subexpressions(Graph& graph) {
  const bool constants_merged = merge_constants(graph);
  return merge_nodes(graph) || constants_merged;
}

}  // namespace tendon
