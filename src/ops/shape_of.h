// Shape: the dimensions of the input as int64, sliced to [start, end).
#pragma once

#include "ops/op.h"

namespace tendon {

struct ShapeOf : SingleType<ShapeOf> {
  static constexpr std::string_view kOnnxType = "Shape";
  int64_t start = 0;
  int64_t end = Shape::kMaxRank;
  static constexpr auto kFields =
      std::tuple{Field{"start", &ShapeOf::start}, Field{"end", &ShapeOf::end}};
  bool operator==(const ShapeOf&) const = default;
  std::vector<TensorType> infer(Arguments arguments) const;
  std::vector<Tensor> reference(std::span<const Tensor> inputs) const;
  std::vector<Tensor> value_from_types(Arguments arguments) const;

 private:
  std::vector<int64_t> selected(const Shape& shape) const;
};
static_assert(Operator<ShapeOf>);

}  // namespace tendon
