#include "ir/check.h"

#include <algorithm>

#include "ir/infer.h"

namespace tendon {
namespace {

template <class... Args>
[[noreturn]] void fail_check(fmt::format_string<Args...> text, Args&&... args) {
  fail(ErrorKind::kInternal, text, std::forward<Args>(args)...);
}

void check_links(const Graph& graph) {
  const auto value_count = static_cast<ValueId>(graph.values().size());
  const auto node_count = static_cast<NodeId>(graph.nodes().size());
  std::vector<NodeId> producers(graph.values().size(), kNone);
  std::vector<std::vector<NodeId>> readers(graph.values().size());
  for (NodeId id = 0; id < node_count; ++id) {
    const Node& node = graph.node(id);
    if (!node.alive) continue;
    for (const ValueId input : node.inputs) {
      if (input < kNone || input >= value_count) {
        fail_check("{} reads value {}, but there are {} values", place_of(node), input,
                   value_count);
      }
      if (input != kNone) readers[static_cast<size_t>(input)].push_back(id);
    }
    for (const ValueId output : node.outputs) {
      if (output < kNone || output >= value_count) {
        fail_check("{} makes value {}, but there are {} values", place_of(node), output,
                   value_count);
      }
      if (output == kNone) continue;
      NodeId& producer = producers[static_cast<size_t>(output)];
      if (producer != kNone) {
        fail_check("'{}' is made by both {} and {}", graph.value(output).name,
                   place_of(graph.node(producer)), place_of(node));
      }
      producer = id;
    }
  }
  for (ValueId id = 0; id < value_count; ++id) {
    const Value& value = graph.value(id);
    auto& expected = readers[static_cast<size_t>(id)];
    auto recorded = value.readers;
    std::ranges::sort(recorded);
    if (recorded != expected) {
      fail_check("'{}' lists {} readers, but {} nodes read it", value.name, recorded.size(),
                 expected.size());
    }
    const NodeId producer = producers[static_cast<size_t>(id)];
    const bool needed = !expected.empty() || graph.is_output(id);
    // The values of removed nodes keep their producer until the graph is compacted.
    if (value.producer != producer && (needed || producer != kNone)) {
      fail_check("'{}' names another producer than the node that makes it", value.name);
    }
    if (needed && producer == kNone && !value.constant && !graph.is_input(id)) {
      fail_check("'{}' is used, but neither node, input nor constant makes it", value.name);
    }
    if (producer != kNone && (value.constant || graph.is_input(id))) {
      fail_check("'{}' is made by {}, but it is also an input or constant", value.name,
                 place_of(graph.node(producer)));
    }
  }
  for (const ValueId output : graph.outputs()) {
    if (output < 0 || output >= value_count) {
      fail_check("value {} is a graph output, but there are {} values", output, value_count);
    }
  }
}

void check_types(const Graph& graph) {
  Graph inferred = graph;
  try {
    infer_shapes(inferred);
  } catch (const Error& error) {
    throw Error(ErrorKind::kInternal, error.what());
  }
  for (const Node& node : graph.nodes()) {
    if (!node.alive) continue;
    for (const ValueId output : node.outputs) {
      if (output == kNone) continue;
      const Value& value = graph.value(output);
      if (!value.type) fail_check("{}: '{}' has no type", place_of(node), value.name);
      if (value.type != inferred.value(output).type) {
        fail_check("{}: '{}' is recorded as {}, but the operator makes {}", place_of(node),
                   value.name, *value.type, inferred.type(output));
      }
    }
  }
  for (const Value& value : graph.values()) {
    if (value.constant && value.type != value.constant->type()) {
      fail_check("constant '{}' is recorded as {}, but holds {}", value.name,
                 value.type ? to_string(*value.type) : "nothing", value.constant->type());
    }
  }
}

}  // namespace

void check(const Graph& graph) {
  for (const GraphInput& input : graph.inputs()) {
    if (input.value < 0 || input.value >= static_cast<ValueId>(graph.values().size())) {
      fail_check("value {} is a graph input, but there are {} values", input.value,
                 graph.values().size());
    }
  }
  check_links(graph);
  check_types(graph);
}

}  // namespace tendon
