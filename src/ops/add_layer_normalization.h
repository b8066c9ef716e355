// AddLayerNormalization: LayerNormalization(x + residual), made by passes.
#pragma once

#include "ops/op.h"

namespace tendon {

/// Inputs: x, residual of x's shape, scale and bias of the normalised axes' shape (bias optional).
struct AddLayerNormalization : SingleType<AddLayerNormalization> {
  static constexpr std::string_view kOnnxType = "AddLayerNormalization";
  static constexpr std::string_view kDomain = kTendonDomain;
  /// First normalised axis; the mean and variance run over it and all axes after it.
  int64_t axis = -1;
  float epsilon = 1e-5F;
  static constexpr auto kFields = std::tuple{Field{"axis", &AddLayerNormalization::axis},
                                             Field{"epsilon", &AddLayerNormalization::epsilon}};
  bool operator==(const AddLayerNormalization&) const = default;
  std::vector<TensorType> infer(Arguments arguments) const;
  std::vector<Tensor> reference(std::span<const Tensor> inputs) const;
};
static_assert(Operator<AddLayerNormalization>);

}  // namespace tendon
