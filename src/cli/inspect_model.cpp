// ONNX models as `tendon inspect` shows them.
#include <tendon/loaders.h>

#include <algorithm>
#include <functional>
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
#include "onnx/model.h"
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

/// An attribute as text and as JSON; of a tensor its first elements.
std::string attribute_text(const Attribute& attribute) {
  return std::visit(
      [](const auto& value) -> std::string {
        using T = std::decay_t<decltype(value)>;
        if constexpr (std::is_same_v<T, Tensor>) {
          constexpr size_t kShown = 8;
          const std::vector<double> all = to_doubles(value);
          const auto end = all.begin() + static_cast<ptrdiff_t>(std::min(all.size(), kShown));
          return fmt::format("{} [{}{}]", to_string(value.type()),
                             fmt::join(all.begin(), end, ", "), all.size() > kShown ? ", …" : "");
        } else if constexpr (std::is_same_v<T, std::string>) {
          return fmt::format("'{}'", value);
        } else {
          return fmt::format("{}", value);
        }
      },
      attribute);
}

Json attribute_json(const Attribute& attribute) {
  return std::visit(
      [&](const auto& value) -> Json {
        if constexpr (std::is_same_v<std::decay_t<decltype(value)>, Tensor>) {
          return attribute_text(attribute);
        } else {
          return value;
        }
      },
      attribute);
}

void add_attributes(const Graph& graph, Findings& found) {
  found.text += "\nAttributes, in the newest opset's form\n";
  found.json["attributes"] = Json::object();
  for (const NodeId id : graph.topological_order()) {
    const Node& node = graph.node(id);
    found.text += fmt::format("  {}\n", place_of(node));
    Json& json = found.json["attributes"][node.name] = Json::object();
    for (const auto& [name, value] : attributes_of(node.op)) {
      found.text += fmt::format("    {} = {}\n", name, attribute_text(value));
      json[name] = attribute_json(value);
    }
  }
}

void add_weights(const Graph& graph, Findings& found) {
  TextTable table({{"weight"},
                   {"type"},
                   {"bytes", kRight},
                   {"read by", kRight},
                   {"min", kRight},
                   {"max", kRight},
                   {"mean", kRight}});
  found.json["weights"] = Json::array();
  for (const Value& value : graph.values()) {
    if (!value.constant || !is_floating(value.constant->dtype())) continue;
    const std::vector<double> elements = to_doubles(*value.constant);
    double low = 0, high = 0, sum = 0;
    if (!elements.empty()) low = high = elements[0];
    for (const double element : elements) {
      low = std::min(low, element);
      high = std::max(high, element);
      sum += element;
    }
    const double mean = elements.empty() ? 0 : sum / static_cast<double>(elements.size());
    table.add_row({value.name, to_string(value.constant->type()),
                   fmt::format("{}", value.constant->byte_size()),
                   fmt::format("{}", value.readers.size()), fmt::format("{:.4g}", low),
                   fmt::format("{:.4g}", high), fmt::format("{:.4g}", mean)});
    found.json["weights"].push_back({{"name", value.name},
                                     {"dtype", name_of(value.constant->dtype())},
                                     {"shape", value.constant->shape().dims()},
                                     {"min", low},
                                     {"max", high},
                                     {"mean", mean}});
  }
  found.text += "\n" + table.to_string();
}

/// Graphs inside the file's graph, which the importer writes out where they are used.
void add_subgraphs(const std::string& path, Findings& found) {
  const auto file = MappedFile::open(path);
  const ModelProto model = read_model(file->bytes());
  TextTable table({{"subgraph"}, {"of"}, {"inputs"}, {"outputs"}, {"nodes", kRight}});
  found.json["subgraphs"] = Json::array();
  const auto add = [&](std::string_view name, const std::string& of, std::string inputs,
                       std::string outputs, size_t nodes) {
    table.add_row({std::string(name), of, inputs, outputs, fmt::format("{}", nodes)});
    found.json["subgraphs"].push_back({{"name", name}, {"of", of}, {"nodes", nodes}});
  };
  const auto names = [](const std::vector<ValueInfoProto>& infos) {
    std::vector<std::string_view> list;
    for (const ValueInfoProto& info : infos) list.push_back(info.name);
    return fmt::format("{}", fmt::join(list, ", "));
  };
  const std::function<void(const std::vector<NodeProto>&)> add_branches =
      [&](const std::vector<NodeProto>& nodes) {
        for (const NodeProto& node : nodes) {
          for (const AttributeProto& attribute : node.attributes) {
            if (!attribute.graph) continue;
            const GraphProto& graph = *attribute.graph;
            add(attribute.name, fmt::format("{} '{}'", node.type, node.name), names(graph.inputs),
                names(graph.outputs), graph.nodes.size());
            add_branches(graph.nodes);
          }
        }
      };
  for (const FunctionProto& function : model.functions) {
    add(function.name, fmt::format("domain '{}'", function.domain),
        fmt::format("{}", fmt::join(function.inputs, ", ")),
        fmt::format("{}", fmt::join(function.outputs, ", ")), function.nodes.size());
    add_branches(function.nodes);
  }
  add_branches(model.graph.nodes);
  found.text += "\n" + (found.json["subgraphs"].empty() ? "no subgraphs\n" : table.to_string());
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
  if (show.contains("attrs")) add_attributes(graph, found);
  if (show.contains("weights")) add_weights(graph, found);
  if (show.contains("subgraph")) add_subgraphs(path, found);
  return found;
}

}  // namespace tendon::cli
