// Pad: adds elements before and after each axis; negative pads take elements away.
#pragma once

#include "ops/op.h"

namespace tendon {

/// Inputs data, pads (all begins, then all ends), constant_value?, axes?.
struct Pad : SingleType<Pad> {
  static constexpr std::string_view kOnnxType = "Pad";
  /// "constant", "edge", "reflect" or "wrap".
  std::string mode = "constant";
  static constexpr auto kFields = std::tuple{Field{"mode", &Pad::mode}};
  bool operator==(const Pad&) const = default;
  std::vector<TensorType> infer(Arguments arguments) const;
  std::vector<Tensor> reference(std::span<const Tensor> inputs) const;

  /// For each axis of `shape` where each output position comes from; -1 stands for the constant.
  /// The output must not be empty.
  /// `axes` is null where it is left out.
  std::vector<std::vector<int64_t>> origins(const Shape& shape, const Tensor& pads,
                                            const Tensor* axes) const;
};
static_assert(Operator<Pad>);

}  // namespace tendon
