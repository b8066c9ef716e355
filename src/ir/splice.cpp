#include "ir/splice.h"

#include <algorithm>
#include <map>
#include <set>

namespace tendon {
namespace {

/// A graph taken apart: nodes that read and make values by number, in any order.
struct Parts {
  struct Part {
    const Op* op;
    std::string name;
    std::vector<ValueId> inputs;
    std::vector<ValueId> outputs;
  };
  const Graph& graph;
  std::vector<Part> nodes;
  std::vector<ValueId> outputs;
  /// Of the graph's values, then of new ones.
  std::vector<std::string> names;

  explicit Parts(const Graph& source) : graph(source), outputs(source.outputs()) {
    for (const NodeId id : source.topological_order()) {
      const Node& node = source.node(id);
      nodes.push_back({&node.op, node.name, node.inputs, node.outputs});
    }
    for (const Value& value : source.values()) names.push_back(value.name);
  }
  ValueId add_value(std::string name) {
    names.push_back(std::move(name));
    return static_cast<ValueId>(names.size()) - 1;
  }
  /// kNone where there is none.
  ValueId find(std::string_view name) const {
    const auto& values = graph.values();
    const auto found = std::ranges::find(values, name, &Value::name);
    return found == values.end() ? kNone : static_cast<ValueId>(found - values.begin());
  }
  /// Everything that reads `from` reads `to`.
  void redirect(ValueId from, ValueId to) {
    for (Part& node : nodes) std::ranges::replace(node.inputs, from, to);
    std::ranges::replace(outputs, from, to);
  }
  const std::string& name(ValueId id) const { return names[static_cast<size_t>(id)]; }

  Graph assembled() const;
};

Graph Parts::assembled() const {
  Graph result;
  result.name = graph.name;
  result.metadata = graph.metadata;
  std::map<ValueId, ValueId> ids{{kNone, kNone}};
  for (const GraphInput& input : graph.inputs()) {
    ids[input.value] = result.add_input(name(input.value), input.dtype, input.dims);
  }
  const auto is_ready = [&](ValueId id) {
    if (ids.contains(id)) return true;
    if (id >= static_cast<ValueId>(graph.values().size()) || !graph.is_constant(id)) return false;
    ids[id] = result.add_constant(*graph.value(id).constant, name(id));
    return true;
  };
  std::vector<const Part*> waiting;
  for (const Part& node : nodes) waiting.push_back(&node);
  while (!waiting.empty()) {
    std::vector<const Part*> blocked;
    for (const Part* node : waiting) {
      if (!std::ranges::all_of(node->inputs, is_ready)) {
        blocked.push_back(node);
        continue;
      }
      std::vector<ValueId> inputs;
      for (const ValueId input : node->inputs) inputs.push_back(ids.at(input));
      std::vector<std::string> made;
      for (const ValueId output : node->outputs)
        made.push_back(output == kNone ? "" : name(output));
      const NodeId id = result.add_node(*node->op, std::move(inputs), std::move(made), node->name);
      for (size_t i = 0; i < node->outputs.size(); ++i) {
        if (node->outputs[i] != kNone) ids[node->outputs[i]] = result.node(id).outputs[i];
      }
    }
    if (blocked.size() == waiting.size()) {
      fail(ErrorKind::kUsage, "the node would read what it makes itself, by way of '{}'",
           blocked.front()->name);
    }
    waiting = std::move(blocked);
  }
  for (const ValueId output : outputs) {
    if (!is_ready(output)) {
      fail(ErrorKind::kUsage, "nothing would make output '{}' any more", name(output));
    }
    result.add_output(ids.at(output));
  }
  return result;
}

/// The value that the inserted node makes under the name, with everything that read the old one.
ValueId made_value(Parts& parts, const SplicedNode& node, const std::string& name) {
  const ValueId old = parts.find(name);
  if (old == kNone) {
    const ValueId added = parts.add_value(name);
    parts.outputs.push_back(added);
    return added;
  }
  if (parts.graph.is_constant(old)) {
    fail(ErrorKind::kUsage, "'{}' is a constant; an output must be made by a node, or be new",
         name);
  }
  const bool reads = std::ranges::count(node.inputs, name) > 0;
  const bool is_input = parts.graph.is_input(old);
  if (is_input && !reads) {
    fail(
        ErrorKind::kUsage,
        "'{}' is an input of the model; list it among the inputs too, so that the node works on it",
        name);
  }
  if (is_input && parts.graph.is_output(old)) {
    fail(ErrorKind::kUsage,
         "'{}' is an input and an output of the model and would need two names; write the node's "
         "result under a new name",
         name);
  }
  const ValueId made = parts.add_value(is_input ? name + "." + node.name : name);
  parts.redirect(old, made);
  if (!is_input && reads) parts.names[static_cast<size_t>(old)] = name + ".before";
  if (!reads) {
    for (Parts::Part& part : parts.nodes) std::ranges::replace(part.outputs, old, kNone);
    std::erase_if(parts.nodes, [](const Parts::Part& part) {
      return std::ranges::all_of(part.outputs, [](ValueId output) { return output == kNone; });
    });
  }
  return made;
}

/// The value that stands for what the node makes once it is gone.
ValueId passed_value(const Graph& graph, const Node& node) {
  std::vector<ValueId> used;
  for (const ValueId output : node.outputs) {
    if (output != kNone && graph.use_count(output) > 0) used.push_back(output);
  }
  if (used.size() > 1) {
    fail(ErrorKind::kUsage, "{} has {} outputs that are used; only nodes with one can be removed",
         place_of(node), used.size());
  }
  const ValueId input = node.inputs.empty() ? kNone : node.inputs.front();
  if (input == kNone || graph.is_constant(input)) {
    fail(ErrorKind::kUsage, "{} has no first input that is computed and could take its place",
         place_of(node));
  }
  return input;
}

}  // namespace

Graph with_node_inserted(const Graph& graph, const SplicedNode& node) {
  Parts parts(graph);
  std::vector<ValueId> inputs;
  for (const std::string& name : node.inputs) {
    const ValueId id = name.empty() ? kNone : parts.find(name);
    if (id == kNone && !name.empty()) {
      fail(ErrorKind::kUsage,
           "the model has no value '{}'; 'tendon inspect --show layers' lists them", name);
    }
    inputs.push_back(id);
  }
  std::vector<ValueId> outputs;
  for (const std::string& name : node.outputs) outputs.push_back(made_value(parts, node, name));
  parts.nodes.push_back({&node.op, node.name, std::move(inputs), std::move(outputs)});
  Graph result = parts.assembled();
  result.make_value_names_unique();
  return result;
}

Graph with_nodes_removed(const Graph& graph, const std::vector<std::string>& names) {
  Parts parts(graph);
  std::map<ValueId, ValueId> stand_ins;
  std::set<std::string_view> removed;
  for (const std::string& name : names) {
    const auto found = std::ranges::find_if(
        graph.nodes(), [&](const Node& node) { return node.alive && node.name == name; });
    if (found == graph.nodes().end()) {
      fail(ErrorKind::kUsage,
           "the model has no node '{}'; 'tendon inspect --show layers' lists them", name);
    }
    removed.insert(name);
    const ValueId input = passed_value(graph, *found);
    for (const ValueId output : found->outputs) {
      if (output != kNone) stand_ins[output] = input;
    }
  }
  std::erase_if(parts.nodes, [&](const Parts::Part& part) { return removed.contains(part.name); });
  std::set<ValueId> renamed;
  for (const auto& [output, input] : stand_ins) {
    ValueId last = input;
    while (stand_ins.contains(last)) last = stand_ins.at(last);
    if (graph.is_output(output)) {
      if (graph.is_input(last) || graph.is_output(last) || !renamed.insert(last).second) {
        fail(ErrorKind::kUsage, "output '{}' would be '{}', which has a name of its own already",
             graph.value(output).name, parts.name(last));
      }
      parts.names[static_cast<size_t>(last)] = graph.value(output).name;
    }
    parts.redirect(output, last);
  }
  return parts.assembled();
}

}  // namespace tendon
