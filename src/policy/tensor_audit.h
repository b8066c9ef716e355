// What a network needs of a state dict, held against what the state dict has.
#pragma once

#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "policy/state_dict.h"

namespace tendon {

/// Collects every contradiction, so that one message can name them all.
class TensorAudit {
 public:
  /// `weights` must outlive the audit.
  explicit TensorAudit(const StateDict& weights) : weights_(weights) {}

  /// The size of an axis of a tensor that the network needs; 0, and a problem, when the tensor is
  /// missing, empty or of another rank.
  int64_t size_of(const std::string& name, int axis, int rank);
  /// The network needs this tensor with this shape.
  void require(const std::string& name, const Shape& shape);
  bool contains(std::string_view name) const { return weights_.contains(name); }
  /// Whether the network was said to need the tensor.
  bool is_needed(const std::string& name) const { return needed_.contains(name); }

  const StateDict& weights() const { return weights_; }
  /// "'model.action_head.weight' is missing", …
  const std::vector<std::string>& problems() const { return problems_; }

 private:
  const StateDict& weights_;
  std::unordered_set<std::string> needed_;
  std::vector<std::string> problems_;
};

/// The first few of a list and how many more there are.
std::string first_of(const std::vector<std::string>& items);

}  // namespace tendon
