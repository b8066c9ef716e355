// Cast and CastLike: conversion of the element type.
#pragma once

#include <optional>

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

/// Inputs input, target_type, of which only the type counts. The pass remove-identities makes it a
/// Cast.
struct CastLike : SingleType<CastLike> {
  static constexpr std::string_view kOnnxType = "CastLike";
  /// As Cast's.
  bool saturate = true;
  static constexpr auto kFields = std::tuple{Field{"saturate", &CastLike::saturate}};
  bool operator==(const CastLike&) const = default;
  std::vector<TensorType> infer(Arguments arguments) const;
  std::vector<Tensor> reference(std::span<const Tensor> inputs) const;
  std::optional<std::vector<Tensor>> value_from_types(Arguments arguments) const;
};
static_assert(Operator<CastLike>);

}  // namespace tendon
