// The ONNX project's test cases of single operators, as Debian's libonnx-testdata installs them.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "ir/graph.h"

namespace tendon::testing {

/// One model with one set of inputs and expected outputs.
struct NodeCase {
  /// "add_bcast", the folder's name without "test_".
  std::string name;
  std::filesystem::path folder;
};

/// All cases under `data`/node, by name.
std::vector<NodeCase> find_node_cases(const std::filesystem::path& data);

/// The operator types of a case's model, each once.
std::vector<std::string> operator_types(const NodeCase& node_case);

/// A case made ready to run.
struct ReadyCase {
  Graph graph;
  TensorMap inputs;
  TensorMap outputs;
};

/// Imports the model and fixes the input shapes. Inputs that decide a shape become constants: the
/// cases pass everything as inputs, Tendon needs such values when it builds. With `as`, the first
/// input and all others of its type have that type instead. Throws Error.
ReadyCase read_case(const NodeCase& node_case, std::optional<DataType> as = std::nullopt);

}  // namespace tendon::testing
