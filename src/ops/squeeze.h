// Squeeze: drops the axes of size 1 that the second input names, or all of them without one.
#pragma once

#include "ops/op.h"

namespace tendon {

struct Squeeze : SingleType<Squeeze> {
  static constexpr std::string_view kOnnxType = "Squeeze";
  static constexpr auto kFields = kNoFields;
  bool operator==(const Squeeze&) const = default;
  std::vector<TensorType> infer(Arguments arguments) const;
  std::vector<Tensor> reference(std::span<const Tensor> inputs) const;
};
static_assert(Operator<Squeeze>);

}  // namespace tendon
