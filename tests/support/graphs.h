// Builds small graphs and runs them by the operators' references.
#pragma once

#include <initializer_list>
#include <string>
#include <vector>

#include "ir/graph.h"
#include "ir/infer.h"

namespace tendon::testing {

/// GraphBuilder b; auto x = b.input("x", {2, 3}); b.output(b.node(Softmax{}, {x})); Graph g =
/// b.done();
class GraphBuilder {
 public:
  ValueId input(std::string name, const Shape& shape, DataType dtype = DataType::kFloat32);
  ValueId constant(Tensor tensor, std::string name = "");
  /// float32 constant with seeded normal values.
  ValueId random_constant(const Shape& shape, std::string name = "");
  /// int64 constant of rank 1.
  ValueId ints(std::vector<int64_t> values);
  ValueId node(Op op, std::vector<ValueId> inputs, std::string name = "");
  std::vector<ValueId> node(Op op, std::vector<ValueId> inputs, size_t outputs, std::string name);
  void output(ValueId value) { graph_.add_output(value); }
  /// The graph with all shapes inferred.
  Graph done();

 private:
  Graph graph_;
  int counter_ = 0;
};

/// float32 tensor of normal values; the same seed gives the same values everywhere.
Tensor random_tensor(const Shape& shape, uint64_t seed = 1);
/// One random tensor (or small integers) for each graph input.
TensorMap random_inputs(const Graph& graph, uint64_t seed = 1);
/// Runs every node by its reference. Keys are the output names.
TensorMap run_reference(const Graph& graph, const TensorMap& inputs);
/// The graph with all floating inputs and constants as float64, so that its references round next
/// to nothing.
Graph in_double(const Graph& graph);
/// Largest absolute difference over all elements; infinity when types, shapes or names differ, or
/// where exactly one side is NaN.
double max_abs_difference(const Tensor& a, const Tensor& b);
double max_abs_difference(const TensorMap& a, const TensorMap& b);

/// How many alive nodes hold an operator of type T.
template <class T>
size_t count_nodes(const Graph& graph) {
  size_t count = 0;
  for (const Node& node : graph.nodes()) count += node.alive && std::holds_alternative<T>(node.op);
  return count;
}
/// How many alive nodes have this ONNX type.
size_t count_type(const Graph& graph, std::string_view type);

}  // namespace tendon::testing
