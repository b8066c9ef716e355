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
  kGelu,
  /// Gelu with approximate = "tanh".
  kGeluTanh,
  kAbs,
  kSign,
  kFloor,
  kCeil,
  kRound,
  kReciprocal,
  kLog,
  kTan,
  kAsin,
  kAcos,
  kAtan,
  kSinh,
  kCosh,
  kAsinh,
  kAcosh,
  kAtanh,
  kNot,
  kLeakyRelu,
  kElu,
  kCelu,
  kSelu,
  kThresholdedRelu,
  kHardSigmoid,
  kHardSwish,
  kSoftplus,
  kSoftsign,
  kMish,
  kShrink,
  kBitwiseNot
};

struct Unary {
  UnaryKind kind = UnaryKind::kRelu;
  /// Parameters of the kinds that have any (LeakyRelu, Elu, Celu, ThresholdedRelu: alpha;
  /// HardSigmoid: alpha, beta; Selu: alpha and, in `beta`, gamma; Shrink: lambd and bias), else 0.
  /// of() sets the defaults.
  float alpha = 0;
  float beta = 0;
  static constexpr auto kFields = kNoFields;
  bool operator==(const Unary&) const = default;

  /// With ONNX's default parameters.
  static Unary of(UnaryKind kind);
  std::string_view onnx_type() const;
  static bool accepts(std::string_view type);
  static Unary from_onnx(const OnnxNode& node);
  /// Those that the kind has.
  Attributes attributes() const;
  std::vector<TensorType> infer(Arguments arguments) const;
  std::vector<Tensor> reference(std::span<const Tensor> inputs) const;
  /// The function itself, in double precision.
  double apply(double x) const;
};
static_assert(Operator<Unary>);

}  // namespace tendon
