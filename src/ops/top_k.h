// TopK: the k largest or smallest elements along an axis, with their places.
#pragma once

#include "ops/op.h"

namespace tendon {

/// Inputs X, K; outputs Values and, in int64, Indices. Of equal elements the first counts as more;
/// NaN counts as the largest. The result is always sorted.
struct TopK : SingleType<TopK> {
  static constexpr std::string_view kOnnxType = "TopK";
  int64_t axis = -1;
  bool largest = true;
  bool sorted = true;
  static constexpr auto kFields = std::tuple{
      Field{"axis", &TopK::axis}, Field{"largest", &TopK::largest}, Field{"sorted", &TopK::sorted}};
  bool operator==(const TopK&) const = default;
  std::vector<TensorType> infer(Arguments arguments) const;
  std::vector<Tensor> reference(std::span<const Tensor> inputs) const;

 private:
  Shape result_shape(const Shape& data, int64_t k) const;
};
static_assert(Operator<TopK>);

}  // namespace tendon
