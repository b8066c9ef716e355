// What the kernels of stem.cu, stem_pool.cu and stem_group.cu are given; read by host and device.
#pragma once

#include "backends/cuda/image_steps.h"

namespace tendon::cuda {

/// y = activation(convolution of x - offset with 7x7 windows, stride 2, + bias), channels last; x
/// has at most 4 channels. With stem_pool.cu and stem_group.cu, maxima of that over 3x3 windows
/// with stride 2 and a border of 1.
struct StemParameters {
  const void* x;
  ImageSteps steps;
  const float* offset;  ///< or null
  /// [outputs rounded up to 64][7 rows][8 columns][4 channels], zeros where there is no weight.
  const void* weight;
  const void* bias;  ///< or null
  void* y;
  int batch, height, width, channels;
  int out_height, out_width, outputs;  ///< of the convolution
  int pool_height, pool_width;
  int pad_h, pad_w;
  int activation;  ///< as tendon::Activation
  bool codes;      ///< with maxima: y is codes
  bool codes_signed;
  float codes_per_unit;
  bool inputs_pending;  ///< as in KernelArguments
  int group_rows;       ///< of stem_group.cu: rows of maxima that a group of warps makes
};

/// Pixels of y that one block makes, and its threads.
inline constexpr int kStemRows = 8;
inline constexpr int kStemColumns = 32;
inline constexpr int kStemOutputs = 64;
inline constexpr int kStemThreads = 256;
/// Of a block: weights and patch, or the result where that is larger.
inline constexpr int kStemSharedBytes = 64 * (7 * 64 + 16) + 21 * 70 * 8;

/// Maxima that one block of stem_pool.cu makes, its threads and its memory.
inline constexpr int kPoolRows = 4;
inline constexpr int kPoolColumns = 15;
inline constexpr int kPoolThreads = 288;
constexpr int pool_shared_bytes(int element_bytes) {
  return 64 * (7 * 8 * 4 * element_bytes + 16) + 23 * 70 * 4 * element_bytes;
}

/// Of stem_group.cu: columns of maxima of a block, its threads, two groups of which have their rows
/// below each other, and what lies in its memory.
inline constexpr int kGroupPoolColumns = 31;
inline constexpr int kGroupPoolThreads = 256;
inline constexpr int kGroupPoolWeightBytes = 7 * 64 * 64;
inline constexpr int kGroupPoolResultPitch = 64 * 2 + 16;
inline constexpr int kGroupPoolResultBytes = 64 * kGroupPoolResultPitch;
inline constexpr int kGroupPoolPatchPitch = (2 * 64 + 6) * 8;
/// Rows of a matrix overlap; compute-sanitizer counts them as if they did not, for each warp.
inline constexpr int kGroupPoolOverlap = 2048;
constexpr int group_pool_bytes(int group_rows) {
  return kGroupPoolWeightBytes + 2 * kGroupPoolResultBytes +
         (8 * group_rows + 7) * kGroupPoolPatchPitch + kGroupPoolOverlap;
}

}  // namespace tendon::cuda
