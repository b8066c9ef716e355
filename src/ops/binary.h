// Elementwise arithmetic of two broadcast tensors: a new one is a row in binary.cpp's table.
#pragma once

#include "ops/op.h"

namespace tendon {

enum class BinaryKind : int64_t {
  kAdd,
  kSub,
  kMul,
  kDiv,
  kPow,
  kPRelu,
  /// BitShift with direction = "LEFT", and "RIGHT".
  kShiftLeft,
  kShiftRight,
  kBitwiseAnd,
  kBitwiseOr,
  kBitwiseXor
};

struct Binary {
  BinaryKind kind = BinaryKind::kAdd;
  static constexpr auto kFields = kNoFields;
  bool operator==(const Binary&) const = default;

  std::string_view onnx_type() const;
  static bool accepts(std::string_view type);
  static Binary from_onnx(const OnnxNode& node);
  Attributes attributes() const;
  std::vector<TensorType> infer(Arguments arguments) const;
  std::vector<Tensor> reference(std::span<const Tensor> inputs) const;
};
static_assert(Operator<Binary>);

}  // namespace tendon
