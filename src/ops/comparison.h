// Elementwise comparisons and logic of two broadcast tensors: a new one is a row in
// comparison.cpp's table.
#pragma once

#include "ops/op.h"

namespace tendon {

enum class ComparisonKind : int64_t {
  kEqual,
  kLess,
  kLessOrEqual,
  kGreater,
  kGreaterOrEqual,
  kAnd,
  kOr,
  kXor
};

/// The result is bool; And, Or and Xor also take bool.
struct Comparison {
  ComparisonKind kind = ComparisonKind::kEqual;
  static constexpr auto kFields = kNoFields;
  bool operator==(const Comparison&) const = default;

  std::string_view onnx_type() const;
  static bool accepts(std::string_view type);
  static Comparison from_onnx(const OnnxNode& node);
  std::vector<TensorType> infer(Arguments arguments) const;
  std::vector<Tensor> reference(std::span<const Tensor> inputs) const;
};
static_assert(Operator<Comparison>);

}  // namespace tendon
