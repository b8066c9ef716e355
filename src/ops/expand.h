// Expand: broadcasts the input together with the shape that the second input holds.
#pragma once

#include "ops/op.h"

namespace tendon {

struct Expand : SingleType<Expand> {
  static constexpr std::string_view kOnnxType = "Expand";
  static constexpr auto kFields = kNoFields;
  bool operator==(const Expand&) const = default;
  std::vector<TensorType> infer(Arguments arguments) const;
  std::vector<Tensor> reference(std::span<const Tensor> inputs) const;
};
static_assert(Operator<Expand>);

}  // namespace tendon
