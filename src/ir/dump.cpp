#include "ir/dump.h"

#include "base/data_type.h"

namespace tendon {
namespace {

constexpr int64_t kMaxShownElements = 8;

std::string type_text(const Value& value) {
  return value.type ? to_string(*value.type) : "unknown";
}

std::string constant_text(const Tensor& tensor) {
  if (is_floating(tensor.dtype()) || tensor.size() > kMaxShownElements) return "constant";
  return fmt::format("constant {}", to_int64s(tensor));
}

std::string operand_text(const Graph& graph, ValueId id) {
  return id == kNone ? "none" : "%" + graph.value(id).name;
}

std::string operands_text(const Graph& graph, const std::vector<ValueId>& ids) {
  std::string text;
  for (const ValueId id : ids) text += (text.empty() ? "" : ", ") + operand_text(graph, id);
  return text;
}

std::string escaped(std::string_view text) {
  std::string result;
  for (const char c : text) {
    if (c == '"' || c == '\\') result += '\\';
    result += c;
  }
  return result;
}

}  // namespace

std::string text_from_graph(const Graph& graph) {
  std::string text = fmt::format("graph {}\n", graph.name);
  for (const GraphInput& input : graph.inputs()) {
    const Value& value = graph.value(input.value);
    text += fmt::format("%{}: {} = input\n", value.name, type_text(value));
  }
  for (size_t i = 0; i < graph.values().size(); ++i) {
    const Value& value = graph.values()[i];
    if (!value.constant || graph.use_count(static_cast<ValueId>(i)) == 0) continue;
    text +=
        fmt::format("%{}: {} = {}\n", value.name, type_text(value), constant_text(*value.constant));
  }
  for (const NodeId id : graph.topological_order()) {
    const Node& node = graph.node(id);
    std::string results;
    for (const ValueId output : node.outputs) {
      if (!results.empty()) results += ", ";
      results += operand_text(graph, output);
      if (output != kNone) results += ": " + type_text(graph.value(output));
    }
    text +=
        fmt::format("{} = {} {}\n", results, to_string(node.op), operands_text(graph, node.inputs));
  }
  return text + fmt::format("return {}\n", operands_text(graph, graph.outputs()));
}

std::string dot_from_graph(const Graph& graph) {
  std::string text = fmt::format("digraph \"{}\" {{\n  node [shape=box];\n", escaped(graph.name));
  const auto source = [&](ValueId id) {
    const NodeId producer = graph.value(id).producer;
    return producer == kNone ? fmt::format("v{}", id) : fmt::format("n{}", producer);
  };
  const auto edge = [&](ValueId from, const std::string& to) {
    text += fmt::format("  {} -> {} [label=\"{}\"];\n", source(from), to,
                        escaped(type_text(graph.value(from))));
  };
  for (const GraphInput& input : graph.inputs()) {
    text += fmt::format("  v{} [label=\"{}\" shape=ellipse];\n", input.value,
                        escaped(graph.value(input.value).name));
  }
  for (const NodeId id : graph.topological_order()) {
    const Node& node = graph.node(id);
    text += fmt::format("  n{} [label=\"{}\" tooltip=\"{}\"];\n", id, escaped(to_string(node.op)),
                        escaped(node.name));
    for (const ValueId input : node.inputs) {
      if (input == kNone || graph.is_constant(input)) continue;
      edge(input, fmt::format("n{}", id));
    }
  }
  for (size_t i = 0; i < graph.outputs().size(); ++i) {
    const ValueId output = graph.outputs()[i];
    text +=
        fmt::format("  o{} [label=\"{}\" shape=ellipse];\n", i, escaped(graph.value(output).name));
    if (!graph.is_constant(output)) edge(output, fmt::format("o{}", i));
  }
  return text + "}\n";
}

}  // namespace tendon
