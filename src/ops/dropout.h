// Dropout in inference form: the input itself, and a mask of ones.
#pragma once

#include "ops/op.h"

namespace tendon {

/// Inputs data, ratio?, training_mode?; training_mode must be known and false.
struct Dropout : SingleType<Dropout> {
  static constexpr std::string_view kOnnxType = "Dropout";
  int64_t seed = 0;
  static constexpr auto kFields = std::tuple{Field{"seed", &Dropout::seed}};
  bool operator==(const Dropout&) const = default;
  std::vector<TensorType> infer(Arguments arguments) const;
  std::vector<Tensor> reference(std::span<const Tensor> inputs) const;
};
static_assert(Operator<Dropout>);

}  // namespace tendon
