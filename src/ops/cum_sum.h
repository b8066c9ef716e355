// CumSum: running sums along the axis that the second input holds.
#pragma once

#include "ops/op.h"

namespace tendon {

struct CumSum : SingleType<CumSum> {
  static constexpr std::string_view kOnnxType = "CumSum";
  /// The element itself is left out of its sum.
  bool exclusive = false;
  /// Sums run from the end.
  bool reverse = false;
  static constexpr auto kFields =
      std::tuple{Field{"exclusive", &CumSum::exclusive}, Field{"reverse", &CumSum::reverse}};
  bool operator==(const CumSum&) const = default;
  std::vector<TensorType> infer(Arguments arguments) const;
  std::vector<Tensor> reference(std::span<const Tensor> inputs) const;
};
static_assert(Operator<CumSum>);

}  // namespace tendon
