// Where: X where the condition holds, else Y, broadcast together.
#pragma once

#include "ops/op.h"

namespace tendon {

struct Where : SingleType<Where> {
  static constexpr std::string_view kOnnxType = "Where";
  static constexpr auto kFields = kNoFields;
  bool operator==(const Where&) const = default;
  std::vector<TensorType> infer(Arguments arguments) const;
  std::vector<Tensor> reference(std::span<const Tensor> inputs) const;
};
static_assert(Operator<Where>);

}  // namespace tendon
