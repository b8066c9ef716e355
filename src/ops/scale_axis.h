// How a scale lies along a quantized tensor: shared by QuantizeLinear and DequantizeLinear.
#pragma once

#include "ops/elements.h"
#include "ops/op.h"

namespace tendon {

/// Checks the inputs `scale` (1) and, where present, `zero point` (2) against x (0).
void require_scale(Arguments arguments, int64_t axis, int64_t block_size);

/// Element k of a tensor of shape `shape` has scale index_of(k).
class ScaleIndex {
 public:
  ScaleIndex(const Shape& shape, const Tensor& scale, int64_t axis);
  int64_t index_of(int64_t element) const { return element / inner_ % count_; }

 private:
  int64_t inner_ = 1;
  int64_t count_ = 1;
};

}  // namespace tendon
