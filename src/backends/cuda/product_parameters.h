// What the kernels of product.cu are given; read by host and device.
#pragma once

namespace tendon::cuda {

/// y[batch, m, n] = activation(alpha * sum over k of a * b + bias + residual), for any shape. Steps
/// in elements. Up to two batch axes; bias and y's steps are those of a broadcast.
struct ProductParameters {
  const void* a;
  const void* b;
  const void* bias;      ///< or null
  const void* residual;  ///< as y, but for the length of its rows, or null
  void* y;
  int batch, m, n, k;
  long long a_batch_step, b_batch_step;
  int b_k_step, b_n_step;
  long long bias_batch_step;
  int bias_row_step, bias_column_step;
  int residual_row_step;
  float alpha;
  int activation;  ///< as tendon::Activation
};

/// Of the kernels whose blocks make a row each: the most columns, threads, and the floats that each
/// column has in shared memory.
inline constexpr int kRowColumns = 16;
inline constexpr int kRowThreads = 128;
inline constexpr int kRowPitch = kRowThreads + 4;

}  // namespace tendon::cuda
