// Identity: the input itself.
#pragma once

#include "ops/op.h"

namespace tendon {

struct Identity : SingleType<Identity> {
  static constexpr std::string_view kOnnxType = "Identity";
  static constexpr auto kFields = kNoFields;
  bool operator==(const Identity&) const = default;
  std::vector<TensorType> infer(Arguments arguments) const {
    return {require_input(arguments, 0, "input").type};
  }
  std::vector<Tensor> reference(std::span<const Tensor> inputs) const { return {inputs[0]}; }
};
static_assert(Operator<Identity>);

}  // namespace tendon
