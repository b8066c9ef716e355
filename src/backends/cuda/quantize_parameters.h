// What the kernels of quantize.cu are given; read by host and device.
#pragma once

#include "backends/cuda/element_type.h"

namespace tendon::cuda {

/// To codes: y = round(x / scale). From codes: y = x * scale. Eight elements a thread.
struct QuantizeParameters {
  const void* x;
  void* y;
  long long count;
  ElementType x_type, y_type;
  float scale;
};

}  // namespace tendon::cuda
