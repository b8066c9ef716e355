// Weights as int8 codes with one scale for each output channel.
#pragma once

#include <tendon/tensor.h>

namespace tendon {

struct QuantizedWeight {
  Tensor codes;   ///< int8, of the weight's shape
  Tensor scales;  ///< float32, one for each index of the axis
};

/// Symmetric, zero point 0: scale = largest magnitude of the channel / limit (at most 127). A
/// channel that is all zero gets the smallest scale of the others, so that no scale is 0.
QuantizedWeight quantize_weight(const Tensor& weight, int axis, int limit = 127);

}  // namespace tendon
