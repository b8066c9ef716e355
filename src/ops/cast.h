// Cast: conversion of the element type.
#pragma once

#include "ops/op.h"

namespace tendon {

struct Cast : SingleType<Cast> {
  static constexpr std::string_view kOnnxType = "Cast";
  DataType to = DataType::kFloat32;
  /// Matters for float8 results only, which Tendon lacks.
  bool saturate = true;
  static constexpr auto kFields =
      std::tuple{Field{"saturate", &Cast::saturate}, Field{"to", &Cast::to}};
  bool operator==(const Cast&) const = default;
  static Cast from_onnx(const OnnxNode& node);
  std::vector<TensorType> infer(Arguments arguments) const;
  std::vector<Tensor> reference(std::span<const Tensor> inputs) const;
};
static_assert(Operator<Cast>);

}  // namespace tendon
