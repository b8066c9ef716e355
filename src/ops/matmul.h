// MatMul: numpy's matrix product with broadcast batch dimensions.
#pragma once

#include "ops/op.h"

namespace tendon {

struct MatMul : SingleType<MatMul> {
  static constexpr std::string_view kOnnxType = "MatMul";
  static constexpr auto kFields = kNoFields;
  bool operator==(const MatMul&) const = default;
  std::vector<TensorType> infer(Arguments arguments) const;
  std::vector<Tensor> reference(std::span<const Tensor> inputs) const;
};
static_assert(Operator<MatMul>);

/// The shape of the product of tensors of shapes `a` and `b`; rank 1 counts as a row left and as a
/// column right. Throws Error{kBadInput} with both shapes where they do not fit.
Shape product_shape(const Shape& a, const Shape& b);

}  // namespace tendon
