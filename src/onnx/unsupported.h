// Collects everything a model needs that Tendon lacks, so that one message names all of it.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace tendon {

class Unsupported {
 public:
  /// `what` is an operator with its domain and opset, or another reason; equal ones are grouped.
  void add(std::string what, std::string node_name);
  /// Throws Error{kUnsupported} with all that was added; returns when nothing was.
  void throw_if_any() const;
  /// What was added, with the names of its nodes.
  const std::map<std::string, std::vector<std::string>>& reasons() const {
    return nodes_by_reason_;
  }

 private:
  std::map<std::string, std::vector<std::string>> nodes_by_reason_;
};

/// "If (ai.onnx opset 17)".
std::string operator_name(std::string_view type, std::string_view domain, int opset);

}  // namespace tendon
