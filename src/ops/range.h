// Range: start, start + delta, … up to but without limit, three scalar inputs.
#pragma once

#include "ops/op.h"

namespace tendon {

struct Range : SingleType<Range> {
  static constexpr std::string_view kOnnxType = "Range";
  static constexpr auto kFields = kNoFields;
  bool operator==(const Range&) const = default;
  std::vector<TensorType> infer(Arguments arguments) const;
  std::vector<Tensor> reference(std::span<const Tensor> inputs) const;
};
static_assert(Operator<Range>);

}  // namespace tendon
