// Operators that came with a later opset, written out in those that an older one has: one row a
// case in lower.cpp.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "onnx/graph_writer.h"
#include "ops/op_set.h"

namespace tendon {

struct LoweredNode {
  Op op;
  std::vector<std::string> inputs;
  std::vector<std::string> outputs;
};

/// What stands for one node, in order of execution.
struct Lowered {
  std::vector<LoweredNode> nodes;
  std::vector<Weight> constants;
};

/// Nothing where the opset of `node` has the operator, or where there is no other way to write it.
/// `type` is that of the first input; `unique_name` turns a proposed name of a value into one that
/// the model does not use.
std::optional<Lowered> lower(const OnnxNode& node, const Op& op, const TensorType& type,
                             const std::function<std::string(const std::string&)>& unique_name);

}  // namespace tendon
