// What the kernel of stem.cu is given; read by host and device.
#pragma once

namespace tendon::cuda {

/// y = activation(convolution of x with 7x7 windows, stride 2, + bias), channels last, float16.
struct StemParameters {
  const void* x;  ///< [batch][height][width][channels], at most 4 channels
  /// [outputs rounded up to 64][7 rows][8 columns][4 channels], zeros where there is no weight.
  const void* weight;
  const void* bias;  ///< or null
  void* y;
  int batch, height, width, channels;
  int out_height, out_width, outputs;
  int pad_h, pad_w;
  int activation;  ///< as tendon::Activation
};

/// Pixels of y that one block makes, and its threads.
inline constexpr int kStemRows = 8;
inline constexpr int kStemColumns = 32;
inline constexpr int kStemOutputs = 64;
inline constexpr int kStemThreads = 256;
/// Of a block: weights and patch, or the result where that is larger.
inline constexpr int kStemSharedBytes = 64 * (7 * 64 + 16) + 21 * 70 * 8;

}  // namespace tendon::cuda
