// Mod: the remainder of a division, with the divisor's sign or, with fmod, the dividend's.
#pragma once

#include "ops/op.h"

namespace tendon {

struct Mod : SingleType<Mod> {
  static constexpr std::string_view kOnnxType = "Mod";
  /// Required for floating types.
  bool fmod = false;
  static constexpr auto kFields = std::tuple{Field{"fmod", &Mod::fmod}};
  bool operator==(const Mod&) const = default;
  std::vector<TensorType> infer(Arguments arguments) const;
  std::vector<Tensor> reference(std::span<const Tensor> inputs) const;
};
static_assert(Operator<Mod>);

}  // namespace tendon
