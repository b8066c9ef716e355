// Applies passes to small graphs and holds the results against the graph before.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <initializer_list>

#include "base/data_type.h"
#include "ir/check.h"
#include "ir/dump.h"
#include "support/graphs.h"

namespace tendon::testing {

using PassFunction = bool (*)(Graph&);

/// Runs the passes until none changes a copy of `before`, at least one of which must; expects the
/// result to be sound and to compute the same outputs.
inline Graph rewritten(const Graph& before, std::initializer_list<PassFunction> passes) {
  Graph after = before;
  bool changed = false;
  for (int round = 0; round < 10; ++round) {
    bool changing = false;
    for (const PassFunction pass : passes) changing |= pass(after);
    if (!changing) break;
    changed = true;
  }
  EXPECT_TRUE(changed) << text_from_graph(before);
  EXPECT_NO_THROW(check(after)) << text_from_graph(after);
  const TensorMap inputs = random_inputs(before);
  EXPECT_LE(max_abs_difference(run_reference(before, inputs), run_reference(after, inputs)), 1e-5)
      << text_from_graph(after);
  after.compact();
  return after;
}
inline Graph rewritten(const Graph& before, PassFunction pass) { return rewritten(before, {pass}); }

/// Expects that the pass changes the graph and, in double precision, no output by more than
/// rounding.
inline void expect_exact(const Graph& before, PassFunction pass) {
  const Graph wide = in_double(before);
  Graph after = wide;
  EXPECT_TRUE(pass(after)) << text_from_graph(wide);
  TensorMap inputs;
  for (const auto& [name, tensor] : random_inputs(before)) {
    inputs[name] = is_floating(tensor.dtype()) ? cast(tensor, DataType::kFloat64) : tensor;
  }
  EXPECT_LE(max_abs_difference(run_reference(wide, inputs), run_reference(after, inputs)), 1e-12)
      << text_from_graph(after);
}

inline void expect_unchanged(Graph graph, PassFunction pass) {
  EXPECT_FALSE(pass(graph)) << text_from_graph(graph);
}

/// The types of all nodes in execution order: {"Conv", "Relu"}.
inline std::vector<std::string> types_of(const Graph& graph) {
  std::vector<std::string> types;
  for (const NodeId id : graph.topological_order()) {
    types.emplace_back(type_of(graph.node(id).op));
  }
  return types;
}

/// The only node that holds a T.
template <class T>
const Node& the(const Graph& graph) {
  const Node* found = nullptr;
  for (const Node& node : graph.nodes()) {
    if (!node.alive || !std::holds_alternative<T>(node.op)) continue;
    EXPECT_EQ(found, nullptr) << "more than one " << type_of(node.op);
    found = &node;
  }
  if (found == nullptr) fail(ErrorKind::kInternal, "no such node in\n{}", text_from_graph(graph));
  return *found;
}
template <class T>
const T& the_op(const Graph& graph) {
  return std::get<T>(the<T>(graph).op);
}

}  // namespace tendon::testing
