// QuantizedLayerNormalization: LayerNormalization that writes 8-bit codes beside its result, made
// by passes.
#pragma once

#include "ops/layer_normalization.h"
#include "ops/requantize.h"

namespace tendon {

/// Inputs X, Scale, B? as of LayerNormalization, X being float32, float16 or bfloat16; outputs Y
/// and the codes round(Y / y_scale) as int8 or uint8.
struct QuantizedLayerNormalization : SingleType<QuantizedLayerNormalization> {
  static constexpr std::string_view kOnnxType = "QuantizedLayerNormalization";
  static constexpr std::string_view kDomain = kTendonDomain;
  int64_t axis = -1;
  float epsilon = 1e-5f;
  DataType y_dtype = DataType::kInt8;
  float y_scale = 1;
  static constexpr auto kFields =
      std::tuple{Field{"axis", &QuantizedLayerNormalization::axis},
                 Field{"epsilon", &QuantizedLayerNormalization::epsilon},
                 Field{"y_dtype", &QuantizedLayerNormalization::y_dtype},
                 Field{"y_scale", &QuantizedLayerNormalization::y_scale}};
  bool operator==(const QuantizedLayerNormalization&) const = default;
  std::vector<TensorType> infer(Arguments arguments) const;
  std::vector<Tensor> reference(std::span<const Tensor> inputs) const;

  LayerNormalization plain() const { return {{}, axis, epsilon}; }
};
static_assert(Operator<QuantizedLayerNormalization>);

}  // namespace tendon
