// Split: cuts the input along `axis` into parts of given or equal sizes.
#pragma once

#include "ops/op.h"

namespace tendon {

/// Inputs input, split?. Without `split` there are num_outputs parts of equal size, the last one
/// smaller where the axis does not divide.
struct Split : SingleType<Split> {
  static constexpr std::string_view kOnnxType = "Split";
  int64_t axis = 0;
  /// 0 where the input `split` says it.
  int64_t num_outputs = 0;
  static constexpr auto kFields =
      std::tuple{Field{"axis", &Split::axis}, Field{"num_outputs", &Split::num_outputs}};
  bool operator==(const Split&) const = default;
  /// Counts the node's outputs where neither the input nor the attribute (opset 18) is there.
  static Split from_onnx(const OnnxNode& node);
  std::vector<TensorType> infer(Arguments arguments) const;
  std::vector<Tensor> reference(std::span<const Tensor> inputs) const;

  /// Sizes along the axis for equal parts.
  std::vector<int64_t> equal_parts(int64_t dim) const;
};
static_assert(Operator<Split>);

}  // namespace tendon
