// ScatterElements and ScatterND: the data with elements or slices replaced, or combined, at places
// that a tensor of indices names.
#pragma once

#include "ops/op.h"

namespace tendon {

enum class ScatterAtKind : int64_t { kElements, kNd };

/// Inputs data, indices (int32 or int64; negative ones count from the end), updates.
struct ScatterAt {
  ScatterAtKind kind = ScatterAtKind::kElements;
  /// Of ScatterElements.
  int64_t axis = 0;
  /// "none", "add", "mul", "max" or "min"; with "none" the last update of a place counts.
  std::string reduction = "none";
  static constexpr auto kFields = kNoFields;
  bool operator==(const ScatterAt&) const = default;

  std::string_view onnx_type() const {
    return kind == ScatterAtKind::kElements ? "ScatterElements" : "ScatterND";
  }
  static bool accepts(std::string_view type) {
    return type == "ScatterElements" || type == "ScatterND";
  }
  static ScatterAt from_onnx(const OnnxNode& node);
  Attributes attributes() const;
  std::vector<TensorType> infer(Arguments arguments) const;
  /// Throws Error{kBadInput} for an index outside [-n, n).
  std::vector<Tensor> reference(std::span<const Tensor> inputs) const;
};
static_assert(Operator<ScatterAt>);

}  // namespace tendon
