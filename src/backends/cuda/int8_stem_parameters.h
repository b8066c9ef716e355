// What the kernels of int8_stem.cu are given; read by host and device.
#pragma once

#include "backends/cuda/image_steps.h"

namespace tendon::cuda {

/// As StemParameters with stem_pool.cu, on codes: those of an image's pixel are (x - offset) *
/// codes_of_x, beside them `inside` in one more channel; beyond the border all are 0.
struct Int8StemParameters {
  const void* x;
  ImageSteps steps;
  float offset, codes_of_x;
  int inside;
  /// int8 [outputs rounded up to 64][7 rows][8 columns][4 channels], zeros where there is none.
  const void* weight;
  const float* scale;  ///< of each output
  const float* bias;   ///< or null
  void* y;
  int batch, height, width, channels;  ///< of the image: at most 3
  int out_height, out_width, outputs;  ///< of the convolution
  int pool_height, pool_width;
  int pad_h, pad_w;
  int activation;  ///< as tendon::Activation
  float codes_per_unit;
  bool codes_signed;
  bool inputs_pending;  ///< as in KernelArguments
};

/// Maxima that one block makes, its threads and its memory.
inline constexpr int kInt8StemRows = 4;
inline constexpr int kInt8StemColumns = 15;
inline constexpr int kInt8StemOutputs = 64;
inline constexpr int kInt8StemThreads = 288;
inline constexpr int kInt8StemSharedBytes = 9 * 32 * (64 + 16);

}  // namespace tendon::cuda
