// ArgMax and ArgMin: where the largest or smallest element along an axis stands.
#pragma once

#include "ops/op.h"

namespace tendon {

enum class ArgReduceKind : int64_t { kMax, kMin };

/// The result is int64. NaN counts as larger and smaller than every number.
struct ArgReduce {
  ArgReduceKind kind = ArgReduceKind::kMax;
  int64_t axis = 0;
  bool keepdims = true;
  /// Of equal elements the last one is chosen instead of the first.
  bool select_last_index = false;
  static constexpr auto kFields =
      std::tuple{Field{"axis", &ArgReduce::axis}, Field{"keepdims", &ArgReduce::keepdims},
                 Field{"select_last_index", &ArgReduce::select_last_index}};
  bool operator==(const ArgReduce&) const = default;

  std::string_view onnx_type() const { return kind == ArgReduceKind::kMax ? "ArgMax" : "ArgMin"; }
  static bool accepts(std::string_view type) { return type == "ArgMax" || type == "ArgMin"; }
  static ArgReduce from_onnx(const OnnxNode& node);
  std::vector<TensorType> infer(Arguments arguments) const;
  std::vector<Tensor> reference(std::span<const Tensor> inputs) const;

 private:
  Shape result_shape(const Shape& data) const;
};
static_assert(Operator<ArgReduce>);

}  // namespace tendon
