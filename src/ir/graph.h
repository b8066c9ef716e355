// The graph: flat vectors of nodes and values with integer ids, changed only through GraphEdit.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "ops/op_set.h"

namespace tendon {

using ValueId = int32_t;
using NodeId = int32_t;
/// An optional input that is left out, or a value without producer.
inline constexpr int32_t kNone = -1;

/// One axis of a graph input: a fixed size, or a symbol whose size the caller chooses.
struct Dim {
  int64_t size = -1;
  std::string symbol;
  bool fixed() const { return size >= 0; }
  bool operator==(const Dim&) const = default;
};

struct Value {
  std::string name;
  /// Set once shapes are inferred; always set for constants.
  std::optional<TensorType> type;
  /// The elements of an initializer or folded value.
  std::optional<Tensor> constant;
  NodeId producer = kNone;
  /// Nodes that read it, once per reading input.
  std::vector<NodeId> readers;
  /// Whether the constant was computed by GraphEdit::replace_by_constant.
  bool folded = false;
};

struct Node {
  std::string name;
  Op op;
  std::vector<ValueId> inputs;
  std::vector<ValueId> outputs;
  /// False once an edit removed it; its id is never reused.
  bool alive = true;
};

struct GraphInput {
  ValueId value = kNone;
  DataType dtype = DataType::kFloat32;
  std::vector<Dim> dims;
};

class Graph {
 public:
  std::string name;
  /// ONNX metadata_props, kept through import and export.
  std::map<std::string, std::string> metadata;

  const std::vector<Node>& nodes() const { return nodes_; }
  const std::vector<Value>& values() const { return values_; }
  const Node& node(NodeId id) const { return nodes_[static_cast<size_t>(id)]; }
  const Value& value(ValueId id) const { return values_[static_cast<size_t>(id)]; }
  const std::vector<GraphInput>& inputs() const { return inputs_; }
  const std::vector<ValueId>& outputs() const { return outputs_; }

  bool is_constant(ValueId id) const { return id != kNone && value(id).constant.has_value(); }
  bool is_output(ValueId id) const;
  bool is_input(ValueId id) const;
  /// The node that makes `id`, or null for inputs and constants.
  const Node* producer(ValueId id) const;
  /// The producer's operator if it is a T, else null.
  template <class T>
  const T* producer_op(ValueId id) const {
    const Node* node = id == kNone ? nullptr : producer(id);
    return node == nullptr ? nullptr : std::get_if<T>(&node->op);
  }
  /// Readers by nodes plus one if it is a graph output.
  size_t use_count(ValueId id) const { return value(id).readers.size() + (is_output(id) ? 1 : 0); }
  /// Requires an inferred type.
  const TensorType& type(ValueId id) const;
  const Shape& shape(ValueId id) const { return type(id).shape; }
  /// Alive nodes so that producers come before readers; stable. Throws Error{kBadInput} on a cycle.
  std::vector<NodeId> topological_order() const;
  /// Throws Error{kBadInput} when there is none of that name.
  ValueId find_value(std::string_view name) const;

  // Building, for importers and tests.
  ValueId add_input(std::string name, DataType dtype, std::vector<Dim> dims);
  ValueId add_constant(Tensor tensor, std::string name);
  /// Appends a node with one new value for each name in `outputs`.
  NodeId add_node(Op op, std::vector<ValueId> inputs, std::vector<std::string> outputs,
                  std::string name);
  void add_output(ValueId id) { outputs_.push_back(id); }
  /// Nodes that no output needs afterwards stay until remove_unused_nodes().
  void set_outputs(std::vector<ValueId> ids) { outputs_ = std::move(ids); }
  /// Renumbers without removed nodes and without values that nothing uses.
  void compact();
  /// Appends ".1", ".2", … to names that several values have; inputs and outputs keep theirs.
  void make_value_names_unique();

 private:
  friend class GraphEdit;
  friend void infer_shapes(Graph& graph);
  friend void bind_inputs(Graph& graph, const std::map<std::string, Shape>& shapes);

  std::vector<Node> nodes_;
  std::vector<Value> values_;
  std::vector<GraphInput> inputs_;
  std::vector<ValueId> outputs_;
};

/// "[Conv 'layer1.0']", the place named by every message about a node.
std::string place_of(const Node& node);

}  // namespace tendon
