// What the product kernels of gemm.cu are given; read by host and device.
#pragma once

#include "backends/cuda/element_type.h"

namespace tendon::cuda {

/// y[m, n] = activation(alpha * sum over k of a[m, k] * b[n, k] + bias + residual). Row m of `a` is
/// the window of output position m in an image batch; a plain matrix is one with 1x1 windows.
/// Everything is counted in elements, but for chunks of 16 bytes. Of 8-bit factors alpha is
/// scale[n], the residual counts residual_scale times, and y is rounded to codes where its type has
/// such.
struct GemmParameters {
  const void* a;
  /// Packed [n rounded up to the tile][k_tiles * 128 bytes], zeros behind n and k.
  const void* b;
  void* y;
  const void* bias;      ///< or null
  const void* residual;  ///< as y, but for the length of its rows, or null
  /// With splits > 1: splits * tiles * tile elements, and a zero for each tile.
  float* partial;
  int* counters;
  int m, n;
  int bias_row_step, bias_column_step;
  int residual_row_step;
  float alpha;
  int activation;  ///< as tendon::Activation
  /// Of 8-bit factors alone; those of floats have all their tensors in one type.
  const float* scale;
  float residual_scale;
  float codes_per_unit;  ///< 1 / y's scale
  ElementType y_type, bias_type, residual_type;

  int chunks;      ///< of the whole window
  int k_tiles;     ///< of 8 chunks
  int splits;      ///< of k_tiles
  int tap_chunks;  ///< one tap's channels
  int kernel_w;
  int image_step, row_step, pixel_step;
  int height, width;
  int out_width, out_points;  ///< points: of one image
  int stride_h, stride_w, pad_h, pad_w;
  int tap_row_step, tap_column_step;  ///< dilation times row_step and pixel_step
  int dilation_h, dilation_w;
  int halo_rows;  ///< of window.cu: input rows that a block reads
};

}  // namespace tendon::cuda
