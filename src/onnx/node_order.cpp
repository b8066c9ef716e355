#include "onnx/node_order.h"

#include <queue>
#include <unordered_map>
#include <unordered_set>

#include "base/format.h"

namespace tendon {
namespace {

/// Where values come from: a node's index, or kGiven for inputs and initializers.
constexpr size_t kGiven = SIZE_MAX;
using Producers = std::unordered_map<std::string_view, size_t>;

std::string source_of(const GraphProto& graph, size_t producer) {
  return producer == kGiven ? "an input or initializer" : place_of(graph.nodes[producer]);
}

Producers producers_of(const GraphProto& graph) {
  Producers producers;
  const auto add_given = [&](std::string_view name, std::string_view what) {
    if (name.empty()) fail_input("has an {} without a name", what);
    if (!producers.emplace(name, kGiven).second) fail_input("has two {}s '{}'", what, name);
  };
  for (const ValueInfoProto& input : graph.inputs) add_given(input.name, "input");
  Producers initializers;
  std::swap(initializers, producers);
  for (const TensorProto& tensor : graph.initializers) add_given(tensor.name, "initializer");
  // Files of IR version 3 list every initializer among the inputs as well.
  producers.merge(initializers);
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    const NodeProto& node = graph.nodes[i];
    bool any = false;
    for (const std::string_view output : node.outputs) {
      if (output.empty()) continue;
      any = true;
      const auto [found, added] = producers.emplace(output, i);
      if (!added) {
        fail_input("{} makes '{}', which {} makes too", place_of(node), output,
                   source_of(graph, found->second));
      }
    }
    if (!any) fail_input("{} has no outputs", place_of(node));
  }
  return producers;
}

void check_outputs(const GraphProto& graph, const Producers& producers) {
  if (graph.outputs.empty()) fail_input("has no outputs");
  std::unordered_set<std::string_view> seen;
  for (const ValueInfoProto& output : graph.outputs) {
    if (!producers.contains(output.name)) {
      fail_input("output '{}' is made by no node, input or initializer", output.name);
    }
    if (!seen.insert(output.name).second) fail_input("output '{}' is listed twice", output.name);
  }
}

}  // namespace

std::string place_of(const NodeProto& node) {
  const std::string_view output = node.outputs.empty() ? "" : node.outputs[0];
  return fmt::format("[{} '{}']", node.type, node.name.empty() ? output : node.name);
}

std::vector<size_t> order_nodes(const GraphProto& graph) {
  const Producers producers = producers_of(graph);
  check_outputs(graph, producers);
  std::vector<size_t> waiting(graph.nodes.size());
  std::vector<std::vector<size_t>> readers(graph.nodes.size());
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    for (const std::string_view input : graph.nodes[i].inputs) {
      if (input.empty()) continue;
      const auto found = producers.find(input);
      if (found == producers.end()) {
        fail_input("{} reads '{}', which no node, input or initializer makes",
                   place_of(graph.nodes[i]), input);
      }
      if (found->second == kGiven) continue;
      readers[found->second].push_back(i);
      ++waiting[i];
    }
  }
  std::priority_queue<size_t, std::vector<size_t>, std::greater<>> ready;
  for (size_t i = 0; i < waiting.size(); ++i) {
    if (waiting[i] == 0) ready.push(i);
  }
  std::vector<size_t> order;
  order.reserve(graph.nodes.size());
  while (!ready.empty()) {
    order.push_back(ready.top());
    ready.pop();
    for (const size_t reader : readers[order.back()]) {
      if (--waiting[reader] == 0) ready.push(reader);
    }
  }
  if (order.size() != graph.nodes.size()) {
    for (size_t i = 0; i < waiting.size(); ++i) {
      if (waiting[i] != 0) fail_input("has a cycle through {}", place_of(graph.nodes[i]));
    }
  }
  return order;
}

}  // namespace tendon
