// Flatten: the axes before `axis` and those from it on, each multiplied into one.
#pragma once

#include "ops/op.h"

namespace tendon {

struct Flatten : SingleType<Flatten> {
  static constexpr std::string_view kOnnxType = "Flatten";
  int64_t axis = 1;
  static constexpr auto kFields = std::tuple{Field{"axis", &Flatten::axis}};
  bool operator==(const Flatten&) const = default;
  std::vector<TensorType> infer(Arguments arguments) const;
  std::vector<Tensor> reference(std::span<const Tensor> inputs) const;
};
static_assert(Operator<Flatten>);

}  // namespace tendon
