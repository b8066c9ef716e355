// What most passes need: questions about a graph's neighbourhood and small nodes for an edit.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "ir/graph_edit.h"

namespace tendon {

/// Calls rewrite(id) for each node alive at its turn, producers first. Nodes that a rewrite adds
/// are not visited. Returns whether any call returned true.
template <class Rewrite>
bool rewrite_nodes(Graph& graph, Rewrite&& rewrite) {
  bool changed = false;
  for (const NodeId id : graph.topological_order()) {
    if (graph.node(id).alive && rewrite(id)) changed = true;
  }
  return changed;
}

/// The node's input, or kNone where it is left out.
ValueId input_of(const Node& node, size_t index);
/// The one node that reads `id`, through one input, if `id` is no graph output; else kNone.
NodeId sole_reader(const Graph& graph, ValueId id);
/// sole_reader's operator if it is a T, else null.
template <class T>
const T* sole_reader_op(const Graph& graph, ValueId id) {
  const NodeId reader = sole_reader(graph, id);
  return reader == kNone ? nullptr : std::get_if<T>(&graph.node(reader).op);
}
/// The input of a two-input node that is not `id`.
ValueId other_input(const Node& node, ValueId id);

/// The element of a floating constant that has one element.
std::optional<double> constant_scalar(const Graph& graph, ValueId id);
/// The elements of an integer constant.
std::optional<std::vector<int64_t>> constant_int64s(const Graph& graph, ValueId id);
/// Whether `id` is a floating constant of one element within 1e-5 of `wanted`, relatively.
bool is_constant_near(const Graph& graph, ValueId id, double wanted);

Tensor int64_tensor(std::span<const int64_t> values);
/// `perm` applied to `shape`.
Shape permuted(const Shape& shape, std::span<const int64_t> perm);
/// `shape` without its leading axes of size 1.
Shape without_leading_ones(const Shape& shape);

/// The constant `id` under another shape of equal size; itself where it has that shape.
ValueId add_constant_reshaped(GraphEdit& edit, const Graph& graph, ValueId id, const Shape& shape);
/// The constant `id` with every element times `factor`.
ValueId add_constant_scaled(GraphEdit& edit, const Graph& graph, ValueId id, double factor);
/// Reshape to `shape`; the value itself where it has that shape.
ValueId add_reshape(GraphEdit& edit, ValueId value, const Shape& shape, const std::string& name);
/// Transpose by `perm`; the value itself where that is the identity.
ValueId add_transpose(GraphEdit& edit, ValueId value, const std::vector<int64_t>& perm,
                      const std::string& name);

}  // namespace tendon
