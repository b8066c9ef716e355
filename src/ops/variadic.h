// Elementwise functions of one or more broadcast tensors: a new one is a row in variadic.cpp's
// table.
#pragma once

#include "ops/op.h"

namespace tendon {

enum class VariadicKind : int64_t { kMax, kMin, kSum, kMean };

struct Variadic {
  VariadicKind kind = VariadicKind::kMax;
  static constexpr auto kFields = kNoFields;
  bool operator==(const Variadic&) const = default;

  std::string_view onnx_type() const;
  static bool accepts(std::string_view type);
  static Variadic from_onnx(const OnnxNode& node);
  std::vector<TensorType> infer(Arguments arguments) const;
  std::vector<Tensor> reference(std::span<const Tensor> inputs) const;
};
static_assert(Operator<Variadic>);

}  // namespace tendon
