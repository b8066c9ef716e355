// Reads ONNX models into graphs.
#pragma once

#include <cstddef>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "ir/graph.h"

namespace tendon {

struct ImportOptions {
  /// Refuse weights that hold NaN or infinity. Constants that no convolution, matrix product,
  /// normalization or recurrent layer reads may hold infinities, since masks do, and, if they are
  /// single numbers, NaN.
  bool check_finite = true;
  /// Where the reasons for an Error{kUnsupported} go too, each with its nodes; may be null.
  std::map<std::string, std::vector<std::string>>* unsupported = nullptr;
};

/// Reads a model of opset 9 to 28. External data come from the file's own folder only. Weights are
/// views of the mapped file where they are aligned. Values have no types yet: bind_inputs infers
/// them. Constant nodes and initializers become constants; all operators take their newest form.
/// Throws Error{kBadInput} for a damaged file, naming file and place, and Error{kUnsupported} that
/// lists every operator Tendon lacks with the names of its nodes.
Graph graph_from_onnx_path(const std::string& path, const ImportOptions& options = {});

/// The same from memory. Weights are copied, and external data are refused. `name` stands for the
/// file in messages.
Graph graph_from_onnx_bytes(std::span<const std::byte> bytes, const std::string& name,
                            const ImportOptions& options = {});

}  // namespace tendon
