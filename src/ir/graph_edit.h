// GraphEdit: collects additions and replacements and applies them at once, or not at all.
#pragma once

#include <utility>

#include "ir/graph.h"

namespace tendon {

/// Nothing changes before apply(). New values can be used in the same edit right away.
class GraphEdit {
 public:
  explicit GraphEdit(Graph& graph) : graph_(graph) {}

  ValueId add_constant(Tensor tensor, std::string name);
  /// Adds a node, infers its outputs (every input must have a type) and returns the first one.
  /// Throws Error{kInternal} with the node's place when the operator refuses its inputs.
  ValueId add_node(Op op, std::vector<ValueId> inputs, std::string name);
  std::vector<ValueId> add_node(Op op, std::vector<ValueId> inputs, size_t output_count,
                                std::string name);
  /// Names a value of this edit, which else has its node's name.
  void set_name(ValueId new_value, std::string name);
  /// Every reader of `old_value`, graph outputs included, reads `new_value` from now on. A value of
  /// this edit takes over the name of what it replaces; an older one does so if it becomes a graph
  /// output, so it must be neither graph input nor output (see can_replace).
  void replace(ValueId old_value, ValueId new_value);
  /// Turns a node's output into a constant.
  void replace_by_constant(ValueId old_value, Tensor tensor);
  /// Changes one input of one node.
  void set_input(NodeId node, size_t index, ValueId value);
  /// Changes the operator of a node; its outputs must keep their types.
  void set_op(NodeId node, Op op);

  /// Where the order of nodes is open, the new node that makes `new_value` runs when `old_node`
  /// would, which nothing reads after this edit.
  void take_place(ValueId new_value, NodeId old_node);

  /// Type of an existing or new value.
  const TensorType& type(ValueId id) const;
  bool empty() const;
  /// Removes, at once, a node that nothing reads.
  void remove_unused(NodeId node);
  /// Applies everything, then removes nodes whose outputs are no longer used and that were touched
  /// by this edit, with their producers. A replaced value must have its replacement's type.
  void apply();

 private:
  const Value& value(ValueId id) const;
  void unlink(NodeId node, std::vector<ValueId>& released);
  void move_to_place(NodeId node, NodeId dead);
  Argument argument(ValueId id) const;

  Graph& graph_;
  std::vector<Value> new_values_;
  std::vector<Node> new_nodes_;
  std::vector<std::pair<ValueId, ValueId>> replacements_;
  struct InputChange {
    NodeId node;
    size_t index;
    ValueId value;
  };
  std::vector<InputChange> input_changes_;
  std::vector<std::pair<NodeId, Op>> op_changes_;
  std::vector<std::pair<ValueId, NodeId>> places_;
};

/// Whether an existing `new_value` may replace `old_value` without taking a name that callers of
/// the graph know.
bool can_replace(const Graph& graph, ValueId old_value, ValueId new_value);

/// Removes every node that no graph output depends on. Returns how many.
size_t remove_unused_nodes(Graph& graph);

}  // namespace tendon
