// Unsqueeze: inserts axes of size 1 so that they get the places that the second input names.
#pragma once

#include "ops/op.h"

namespace tendon {

struct Unsqueeze : SingleType<Unsqueeze> {
  static constexpr std::string_view kOnnxType = "Unsqueeze";
  static constexpr auto kFields = kNoFields;
  bool operator==(const Unsqueeze&) const = default;
  std::vector<TensorType> infer(Arguments arguments) const;
  std::vector<Tensor> reference(std::span<const Tensor> inputs) const;
};
static_assert(Operator<Unsqueeze>);

}  // namespace tendon
