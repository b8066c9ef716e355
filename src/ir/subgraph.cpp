#include "ir/subgraph.h"

#include <algorithm>
#include <map>
#include <set>

#include "base/limits.h"

namespace tendon {
namespace {

using Ids = std::map<ValueId, ValueId>;

ValueId find_named(const Graph& graph, const std::string& name) {
  for (ValueId id = 0; id < static_cast<ValueId>(graph.values().size()); ++id) {
    if (graph.value(id).name == name) return id;
  }
  fail(ErrorKind::kUsage, "the model has no value '{}'; 'tendon inspect --show layers' lists them",
       name);
}

/// The id in `to` of a value of `from`, where constants come along when they are first asked for.
ValueId moved(const Graph& from, Graph& to, Ids& ids, ValueId id) {
  const auto found = ids.find(id);
  if (found != ids.end()) return found->second;
  const Value& value = from.value(id);
  TENDON_ASSERT(value.constant.has_value());
  return ids[id] = to.add_constant(*value.constant, value.name);
}

void copy_node(const Graph& from, Graph& to, Ids& ids, const Node& node) {
  std::vector<ValueId> inputs;
  for (const ValueId input : node.inputs) inputs.push_back(moved(from, to, ids, input));
  std::vector<std::string> names;
  for (const ValueId output : node.outputs) {
    names.push_back(output == kNone ? "" : from.value(output).name);
  }
  const NodeId copy = to.add_node(node.op, std::move(inputs), std::move(names), node.name);
  for (size_t i = 0; i < node.outputs.size(); ++i) {
    if (node.outputs[i] != kNone) ids[node.outputs[i]] = to.node(copy).outputs[i];
  }
}

/// Producers that `outputs` need, up to the values in `known`.
std::set<NodeId> needed_nodes(const Graph& graph, std::vector<ValueId> waiting, const Ids& known) {
  std::set<NodeId> needed;
  while (!waiting.empty()) {
    const ValueId id = waiting.back();
    waiting.pop_back();
    if (id == kNone || known.contains(id) || graph.is_constant(id)) continue;
    const NodeId producer = graph.value(id).producer;
    if (producer == kNone) {
      fail(ErrorKind::kUsage,
           "the outputs need the model's input '{}' too; list it among the inputs",
           graph.value(id).name);
    }
    if (!needed.insert(producer).second) continue;
    for (const ValueId input : graph.node(producer).inputs) waiting.push_back(input);
  }
  return needed;
}

/// The node's outputs; its inputs are constants of `graph`.
std::vector<Tensor> computed(const Graph& graph, const std::vector<ValueId>& inputs,
                             const Node& node) {
  std::vector<Argument> arguments;
  std::vector<Tensor> tensors;
  for (const ValueId input : inputs) {
    if (input == kNone) {
      arguments.emplace_back();
      tensors.emplace_back();
      continue;
    }
    const Tensor& tensor = *graph.value(input).constant;
    arguments.push_back({tensor.type(), &tensor, true});
    tensors.push_back(tensor);
  }
  try {
    infer(node.op, arguments);
    return reference(node.op, tensors);
  } catch (const Error& error) {
    throw error.within(place_of(node));
  }
}

}  // namespace

Graph subgraph(const Graph& graph, std::span<const CutInput> inputs,
               std::span<const std::string> outputs) {
  Graph result;
  result.name = graph.name;
  result.metadata = graph.metadata;
  Ids ids{{kNone, kNone}};
  for (const CutInput& input : inputs) {
    const ValueId id = find_named(graph, input.name);
    if (graph.is_constant(id)) {
      fail(ErrorKind::kUsage, "'{}' is a constant and cannot be an input", input.name);
    }
    if (ids.contains(id)) fail(ErrorKind::kUsage, "input '{}' is listed twice", input.name);
    ids[id] = result.add_input(input.name, input.dtype, input.dims);
  }
  std::vector<ValueId> wanted;
  for (const std::string& output : outputs) wanted.push_back(find_named(graph, output));
  if (wanted.empty()) fail(ErrorKind::kUsage, "no outputs are named");
  if (inputs.empty()) {
    for (const GraphInput& input : graph.inputs()) ids[input.value] = kNone;
  }
  const std::set<NodeId> needed = needed_nodes(graph, wanted, ids);
  if (inputs.empty()) {
    for (const GraphInput& input : graph.inputs()) {
      const auto& readers = graph.value(input.value).readers;
      const bool read =
          std::ranges::any_of(readers, [&](NodeId reader) { return needed.contains(reader); });
      if (!read && std::ranges::count(wanted, input.value) == 0) continue;
      ids[input.value] = result.add_input(graph.value(input.value).name, input.dtype, input.dims);
    }
  }
  for (const NodeId id : graph.topological_order()) {
    if (needed.contains(id)) copy_node(graph, result, ids, graph.node(id));
  }
  for (const ValueId id : wanted) result.add_output(moved(graph, result, ids, id));
  return result;
}

Graph with_constants_folded(const Graph& graph) {
  Graph result;
  result.name = graph.name;
  result.metadata = graph.metadata;
  Ids ids{{kNone, kNone}};
  for (const GraphInput& input : graph.inputs()) {
    ids[input.value] = result.add_input(graph.value(input.value).name, input.dtype, input.dims);
  }
  int64_t bytes = 0;
  for (const NodeId id : graph.topological_order()) {
    const Node& node = graph.node(id);
    std::vector<ValueId> inputs;
    for (const ValueId input : node.inputs) inputs.push_back(moved(graph, result, ids, input));
    const auto is_constant = [&](ValueId input) {
      return input == kNone || result.is_constant(input);
    };
    const auto is_output = [&](ValueId output) {
      return output != kNone && graph.is_output(output);
    };
    // Weights that a file holds in int8 are meant to be used so.
    const bool folds = std::ranges::all_of(inputs, is_constant) &&
                       std::ranges::none_of(node.outputs, is_output) &&
                       !std::holds_alternative<DequantizeLinear>(node.op);
    std::vector<Tensor> outputs;
    if (folds) outputs = computed(result, inputs, node);
    for (const Tensor& output : outputs) bytes += static_cast<int64_t>(output.byte_size());
    if (!folds || bytes > limits().max_folded_bytes) {
      copy_node(graph, result, ids, node);
      continue;
    }
    for (size_t i = 0; i < node.outputs.size(); ++i) {
      if (node.outputs[i] == kNone) continue;
      ids[node.outputs[i]] =
          result.add_constant(std::move(outputs[i]), graph.value(node.outputs[i]).name);
    }
  }
  for (const ValueId id : graph.outputs()) result.add_output(moved(graph, result, ids, id));
  return result;
}

}  // namespace tendon
