// Elementwise functions of one tensor: a new one is a row in unary.cpp's table.
#pragma once

#include "ops/op.h"

namespace tendon {

enum class UnaryKind : int64_t {
  kRelu,
  kSqrt,
  kExp,
  kErf,
  kNeg,
  kSigmoid,
  kTanh,
  kSin,
  kCos,
  kGelu
};

struct Unary {
  UnaryKind kind = UnaryKind::kRelu;
  static constexpr auto kFields = kNoFields;
  bool operator==(const Unary&) const = default;

  std::string_view onnx_type() const;
  static bool accepts(std::string_view type);
  static Unary from_onnx(const OnnxNode& node);
  std::vector<TensorType> infer(Arguments arguments) const;
  std::vector<Tensor> reference(std::span<const Tensor> inputs) const;
  /// The function itself, in double precision.
  double apply(double x) const;
};
static_assert(Operator<Unary>);

}  // namespace tendon
