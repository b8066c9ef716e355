// Writes graphs as ONNX models.
#pragma once

#include <string>

#include "ir/graph.h"

namespace tendon {

inline constexpr int kOldestExportOpset = 13;
inline constexpr int kNewestExportOpset = 21;

struct ExportOptions {
  /// 13 to 21.
  int opset = 17;
  /// Where weights go: inside the model, or to a file of their own beside it. kAutomatic keeps them
  /// inside as long as the model stays below 2 GB, which is protocol buffers' limit.
  enum class Weights { kAutomatic, kInside, kBeside };
  Weights weights = Weights::kAutomatic;
  /// Name of that file, without folders; "" is the model's name with ".data" appended.
  std::string weights_file = {};
};

/// Writes `path`, and the weights file before it, each whole or not at all. Weights stream from
/// where they are. Open dimensions of inputs keep their symbols; dimensions of outputs that depend
/// on them are left open. Throws Error{kUnsupported} naming every node that ONNX at this opset
/// cannot express, above all those that passes made: export before fusing. Throws Error{kUsage} for
/// an opset out of range.
void write_onnx_file(const Graph& graph, const std::string& path,
                     const ExportOptions& options = {});

/// The model in memory, weights inside. Throws as write_onnx_file does, and above 2 GB.
std::string onnx_bytes_from_graph(const Graph& graph, const ExportOptions& options = {});

}  // namespace tendon
