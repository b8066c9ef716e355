// What the kernels of norm_dot.cu are given; read by host and device.
#pragma once

namespace tendon::cuda {

/// y = (n(z) . weights[column]) + bias for each row of x and each column, where n(z) = (z - mean) /
/// sqrt(variance + epsilon) and z = n(x) * scale + shift, or x where there is no scale.
struct NormDotParameters {
  const void* x;
  const float* weights;  ///< a row for each column
  const float* bias;     ///< or null
  const float* scale;    ///< or null
  const float* shift;    ///< or null
  float* y;
  int rows, width, columns;
  /// Warps that share a row, kNormDotColumns columns each.
  int row_warps;
  int norms;         ///< one, or two where there is a scale
  float share;       ///< 1 / width
  float epsilon[2];  ///< of the last normalization, and of the one with scale
};

inline constexpr int kNormDotColumns = 2;
inline constexpr int kNormDotThreads = 128;

}  // namespace tendon::cuda
