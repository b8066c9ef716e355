// ConstantOfShape: a tensor of the shape that the input holds, filled with one value.
#pragma once

#include "ops/op.h"

namespace tendon {

struct ConstantOfShape : SingleType<ConstantOfShape> {
  static constexpr std::string_view kOnnxType = "ConstantOfShape";
  /// One element; its type is the result's.
  Tensor value = Tensor::from<float>(Shape{1}, {0.0f});
  static constexpr auto kFields = std::tuple{Field{"value", &ConstantOfShape::value}};
  bool operator==(const ConstantOfShape&) const = default;
  std::vector<TensorType> infer(Arguments arguments) const;
  std::vector<Tensor> reference(std::span<const Tensor> inputs) const;
};
static_assert(Operator<ConstantOfShape>);

}  // namespace tendon
