// Reductions over axes: a new one is a row in reduce.cpp's table.
#pragma once

#include "ops/op.h"

namespace tendon {

enum class ReduceKind : int64_t {
  kMean,
  kSum,
  kMax,
  kMin,
  kProd,
  kSumSquare,
  kL1,
  kL2,
  kLogSum,
  kLogSumExp
};

/// Inputs data, axes?. Without axes all are reduced, or none with noop_with_empty_axes.
struct Reduce {
  ReduceKind kind = ReduceKind::kMean;
  bool keepdims = true;
  bool noop_with_empty_axes = false;
  static constexpr auto kFields =
      std::tuple{Field{"keepdims", &Reduce::keepdims},
                 Field{"noop_with_empty_axes", &Reduce::noop_with_empty_axes}};
  bool operator==(const Reduce&) const = default;

  std::string_view onnx_type() const;
  static bool accepts(std::string_view type);
  static Reduce from_onnx(const OnnxNode& node);
  std::vector<TensorType> infer(Arguments arguments) const;
  std::vector<Tensor> reference(std::span<const Tensor> inputs) const;

  /// The reduced axes of a tensor of rank `rank`, ascending; `axes` is empty when it is left out.
  std::vector<int> reduced_axes(std::span<const int64_t> axes, int rank) const;
};
static_assert(Operator<Reduce>);

}  // namespace tendon
