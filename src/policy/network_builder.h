// Adds the layers that policies are made of to a graph, under the names of their tensors.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "ir/graph.h"
#include "policy/state_dict.h"

namespace tendon {

/// Weights stay views of the checkpoint: products take them as PyTorch stores them. Sizes that the
/// caller gives hold for all axes but the first, the batch.
class NetworkBuilder {
 public:
  /// Both must outlive the builder.
  NetworkBuilder(Graph& graph, const StateDict& weights) : graph_(graph), weights_(weights) {}

  Graph& graph() { return graph_; }
  /// The first output of a new node; it bears the node's name unless `output` is given.
  ValueId node(Op op, std::vector<ValueId> inputs, const std::string& name,
               const std::string& output = "");
  ValueId constant(Tensor tensor, const std::string& name);
  ValueId ints(const std::vector<int64_t>& values);
  /// The tensor of that name as float32. Throws Error{kBadInput} where it holds NaN or infinity.
  ValueId weight(const std::string& name);
  /// The same under another shape of equal size.
  ValueId weight(const std::string& name, const Shape& shape);
  /// One of `count` equal parts of a tensor's first axis.
  ValueId weight_part(const std::string& name, int64_t part, int64_t count);
  bool has_weight(const std::string& name) const { return weights_.contains(name); }
  /// The elements behind weight(), for what is folded into them.
  Tensor tensor(const std::string& name) const;

  ValueId reshape(ValueId x, const std::vector<int64_t>& shape, const std::string& name);
  /// x (rows, inputs) times weight (outputs, inputs) transposed, plus bias.
  ValueId product(ValueId x, ValueId weight, ValueId bias, const std::string& name);
  /// `prefix` + "weight" and "bias" applied to the last axis of x, which has `inputs` elements. The
  /// result has two axes, all but the last being one.
  ValueId linear(ValueId x, int64_t inputs, const std::string& prefix);
  ValueId layer_norm(ValueId x, const std::string& prefix);
  ValueId add(ValueId a, ValueId b, const std::string& name);

 private:
  Graph& graph_;
  const StateDict& weights_;
  std::map<std::string, ValueId> constants_;
};

/// "encoder.layers.0.norm1" for "encoder.layers.0.norm1."
std::string layer_name(const std::string& prefix);

}  // namespace tendon
