// What the kernels of layer_norm.cu are given; read by host and device.
#pragma once

namespace tendon::cuda {

/// y = scale * (x + residual - mean) / sqrt(variance + epsilon) + bias for each row of `width`.
struct LayerNormParameters {
  const void* x;
  const void* residual;  ///< or null
  const void* scale;
  const void* bias;  ///< or null
  void* y;
  int rows, width;
  float epsilon;
};

}  // namespace tendon::cuda
