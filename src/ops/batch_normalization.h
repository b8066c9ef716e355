// BatchNormalization in inference form: Y = (X - mean) / sqrt(variance + epsilon) * scale + B.
#pragma once

#include "ops/op.h"

namespace tendon {

/// Inputs X [N,C,…], scale, B, input_mean, input_var, each [C].
struct BatchNormalization : SingleType<BatchNormalization> {
  static constexpr std::string_view kOnnxType = "BatchNormalization";
  float epsilon = 1e-5f;
  float momentum = 0.9f;
  /// Refused by infer: statistics of the batch are for training.
  bool training_mode = false;
  static constexpr auto kFields =
      std::tuple{Field{"epsilon", &BatchNormalization::epsilon},
                 Field{"momentum", &BatchNormalization::momentum},
                 Field{"training_mode", &BatchNormalization::training_mode}};
  bool operator==(const BatchNormalization&) const = default;
  std::vector<TensorType> infer(Arguments arguments) const;
  std::vector<Tensor> reference(std::span<const Tensor> inputs) const;
};
static_assert(Operator<BatchNormalization>);

}  // namespace tendon
