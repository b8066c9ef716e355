// Nodes that have no operator of their own, or another meaning in older opsets, become nodes that
// do: one row a case in expand.cpp, one small function in expand_<type>.cpp.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "ops/onnx_node.h"

namespace tendon {

/// The opset whose forms all operators take; what expansions write.
inline constexpr int kNewestOpset = 28;
inline constexpr int kOldestOpset = 9;

/// What one node expands into. The node's own output names must be made by the added nodes.
class Expansion {
 public:
  /// `unique_name` turns a proposed value name into one that the model does not use.
  Expansion(const OnnxNode& node, std::function<std::string(const std::string&)> unique_name)
      : node_(node), unique_name_(std::move(unique_name)) {}

  /// The name of a new constant.
  std::string constant(Tensor tensor);
  /// The name of the single, new output of a new node.
  std::string node(std::string type, std::vector<std::string> inputs, Attributes attributes = {});
  /// A new node with outputs named by the caller.
  void node_making(std::vector<std::string> outputs, std::string type,
                   std::vector<std::string> inputs, Attributes attributes = {});
  /// An input of the expanded node; throws Error{kBadInput} where it is left out.
  const std::string& input(size_t index) const;
  bool has_input(size_t index) const;
  /// Whether the output at `index` is asked for.
  bool has_output(size_t index) const;

  /// A constant list.
  std::string ints(std::vector<int64_t> values);
  /// A constant of the element type of `like`.
  std::string scalar_like(double value, const std::string& like);
  /// The sizes of axes [start, end) of `x` as int64; `end` 0 stands for the last one.
  std::string sizes(const std::string& x, int64_t start, int64_t end);
  /// `list` reshaped so that it lies along one axis of `x` and broadcasts over the others.
  std::string along(const std::string& list, const std::string& x, int64_t axis);
  /// 0, 1, … up to `count`, a tensor of one int64.
  std::string numbers(const std::string& count);

  /// In order of execution; Constant nodes carry their tensor as attribute `value`.
  std::vector<OnnxNode> nodes;

 private:
  const OnnxNode& node_;
  std::function<std::string(const std::string&)> unique_name_;
};

/// False when the node stands for itself. Throws Error without naming the node.
bool expand(const OnnxNode& node, Expansion& expansion);

}  // namespace tendon
