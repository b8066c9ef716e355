// ONNX models as `tendon inspect` shows them.
#include <tendon/loaders.h>

#include <algorithm>
#include <map>

#include "api/network_impl.h"
#include "base/data_type.h"
#include "base/file.h"
#include "base/text_table.h"
#include "base/units.h"
#include "cli/inspect.h"
#include "cli/model_options.h"
#include "ir/dump.h"
#include "ir/infer.h"
#include "passes/liveness.h"

namespace tendon::cli {
namespace {

using enum TextTable::Align;

/// "Add 155, Conv 21, …", most frequent first.
std::string operator_list(const std::map<std::string, size_t>& counts) {
  std::vector<std::pair<std::string, size_t>> sorted(counts.begin(), counts.end());
  std::ranges::stable_sort(sorted, std::greater<>(), &std::pair<std::string, size_t>::second);
  std::string text;
  for (const auto& [type, count] : sorted) {
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", type, count);
  }
  return text;
}

std::string node_table(const Graph& graph) {
  TextTable table({{"node"}, {"operator"}, {"output"}, {"type"}});
  for (const NodeId id : graph.topological_order()) {
    const Node& node = graph.node(id);
    const ValueId output = node.outputs.empty() ? kNone : node.outputs.front();
    const bool typed = output != kNone && graph.value(output).type.has_value();
    table.add_row({node.name, to_string(node.op), output == kNone ? "" : graph.value(output).name,
                   typed ? to_string(graph.type(output)) : ""});
  }
  return table.to_string();
}

void add_weights(const Graph& graph, Findings& found) {
  TextTable table({{"weight"}, {"type"}, {"bytes", kRight}, {"read by", kRight}});
  found.json["weights"] = Json::array();
  for (const Value& value : graph.values()) {
    if (!value.constant || !is_floating(value.constant->dtype())) continue;
    table.add_row({value.name, to_string(value.constant->type()),
                   fmt::format("{}", value.constant->byte_size()),
                   fmt::format("{}", value.readers.size())});
    found.json["weights"].push_back({{"name", value.name},
                                     {"dtype", name_of(value.constant->dtype())},
                                     {"shape", value.constant->shape().dims()}});
  }
  found.text += "\n" + table.to_string();
}

}  // namespace

Findings inspect_model(const std::string& path, const Shown& show, const std::string& dot_path) {
  const Network network = network_from_onnx_path(path);
  Graph graph = network.impl().graph;
  bind_inputs(graph, {});
  const UsageReport usage = parameter_usage(graph);
  std::map<std::string, size_t> operators;
  for (const Node& node : graph.nodes()) ++operators[std::string(type_of(node.op))];
  if (!dot_path.empty()) write_file_atomically(dot_path, dot_from_graph(graph));

  Findings found;
  found.text = fmt::format(
      "{}: ONNX model '{}'\n  inputs\n{}\n  outputs\n{}\n  nodes        {}: {}\n"
      "  parameters   {} ({})\n  {}\n",
      path, network.name(), to_string(network.inputs()), to_string(network.outputs()),
      network.node_count(), operator_list(operators),
      text_of_count(static_cast<double>(usage.parameters)),
      text_of_bytes(4.0 * static_cast<double>(usage.parameters)), to_string(usage));
  found.json = {{"kind", "onnx"},
                {"path", path},
                {"name", network.name()},
                {"inputs", infos_json(network.inputs())},
                {"outputs", infos_json(network.outputs())},
                {"nodes", network.node_count()},
                {"operators", operators},
                {"parameters", usage.parameters},
                {"unused_parameters", usage.unused_parameters},
                {"unused", Json::array()},
                {"metadata", network.metadata()}};
  for (const UnusedParameter& parameter : usage.unused) {
    found.json["unused"].push_back({{"name", parameter.name}, {"elements", parameter.elements}});
  }
  if (!usage.unused.empty() && show.contains("weights")) {
    found.text += "\nNever reach the output\n";
    for (const UnusedParameter& parameter : usage.unused) {
      found.text += fmt::format("  {} ({} elements)\n", parameter.name, parameter.elements);
    }
  }
  for (const auto& [key, value] : network.metadata()) {
    found.text += fmt::format("  {} = {}\n", key, value);
  }
  if (show.contains("layers")) found.text += "\n" + node_table(graph);
  if (show.contains("weights")) add_weights(graph, found);
  return found;
}

}  // namespace tendon::cli
