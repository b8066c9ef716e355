// GatherElements and GatherND: elements or slices at places that a tensor of indices names.
#pragma once

#include "ops/op.h"

namespace tendon {

enum class GatherAtKind : int64_t { kElements, kNd };

/// Inputs data, indices (int32 or int64; negative ones count from the end).
struct GatherAt {
  GatherAtKind kind = GatherAtKind::kElements;
  /// Of GatherElements.
  int64_t axis = 0;
  /// Of GatherND.
  int64_t batch_dims = 0;
  static constexpr auto kFields = kNoFields;
  bool operator==(const GatherAt&) const = default;

  std::string_view onnx_type() const {
    return kind == GatherAtKind::kElements ? "GatherElements" : "GatherND";
  }
  static bool accepts(std::string_view type) {
    return type == "GatherElements" || type == "GatherND";
  }
  static GatherAt from_onnx(const OnnxNode& node);
  Attributes attributes() const;
  std::vector<TensorType> infer(Arguments arguments) const;
  /// Throws Error{kBadInput} for an index outside [-n, n).
  std::vector<Tensor> reference(std::span<const Tensor> inputs) const;

 private:
  Shape result_shape(const Shape& data, const Shape& indices) const;
};
static_assert(Operator<GatherAt>);

}  // namespace tendon
