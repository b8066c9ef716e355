// Everything odd in an ONNX model, with the nodes that it is about.
#pragma once

#include <string>
#include <vector>

namespace tendon {

/// kException: Tendon does not take the model so. kWarning: it works, but hardly as meant. kInfo:
/// worth knowing.
enum class LintLevel { kException, kWarning, kInfo };

struct LintEntry {
  LintLevel level = LintLevel::kInfo;
  /// Which part found it: "reader", "names", "liveness", "importer", "weights" or "shapes".
  std::string source;
  std::string message;
  /// Names of nodes; may be empty where it is about the model.
  std::vector<std::string> nodes;
};

struct LintReport {
  std::vector<LintEntry> entries;
  /// Names of all nodes of the model, where it could be read.
  std::vector<std::string> nodes;

  bool passed() const;
};

/// Reads the model as graph_from_onnx_path does, and goes on after a finding as far as it can.
/// Throws Error{kBadInput} only where the file cannot be opened.
LintReport lint_onnx_path(const std::string& path);

}  // namespace tendon
