// Clip: limits every element to [min, max], both optional inputs; max wins where they cross.
#pragma once

#include "ops/op.h"

namespace tendon {

struct Clip : SingleType<Clip> {
  static constexpr std::string_view kOnnxType = "Clip";
  static constexpr auto kFields = kNoFields;
  bool operator==(const Clip&) const = default;
  std::vector<TensorType> infer(Arguments arguments) const;
  std::vector<Tensor> reference(std::span<const Tensor> inputs) const;
};
static_assert(Operator<Clip>);

}  // namespace tendon
