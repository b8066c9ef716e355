// LayerNormalization: zero mean and unit variance over the axes from `axis` on, scaled and shifted.
#pragma once

#include "ops/op.h"

namespace tendon {

/// Inputs X, Scale, B?; outputs Y and, for training, Mean and InvStdDev in float32.
struct LayerNormalization : SingleType<LayerNormalization> {
  static constexpr std::string_view kOnnxType = "LayerNormalization";
  int64_t axis = -1;
  float epsilon = 1e-5f;
  int64_t stash_type = 1;
  static constexpr auto kFields = std::tuple{Field{"axis", &LayerNormalization::axis},
                                             Field{"epsilon", &LayerNormalization::epsilon},
                                             Field{"stash_type", &LayerNormalization::stash_type}};
  bool operator==(const LayerNormalization&) const = default;
  std::vector<TensorType> infer(Arguments arguments) const;
  std::vector<Tensor> reference(std::span<const Tensor> inputs) const;
};
static_assert(Operator<LayerNormalization>);

}  // namespace tendon
