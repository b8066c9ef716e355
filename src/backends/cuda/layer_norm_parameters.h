// What the kernels of layer_norm.cu are given; read by host and device.
#pragma once

namespace tendon::cuda {

/// y = scale * (x + residual - mean) / sqrt(variance + epsilon) + bias for each row of `width`, and
/// its codes where they are asked for.
struct LayerNormParameters {
  const void* x;
  const void* residual;  ///< or null
  const void* scale;
  const void* bias;  ///< or null
  void* y;
  void* codes;  ///< or null
  float codes_per_unit;
  bool codes_signed;
  int rows, width;
  float epsilon;
};

}  // namespace tendon::cuda
