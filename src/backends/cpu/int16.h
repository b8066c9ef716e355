// One line of pixels times one panel of weights, in 16 bits: what the instruction sets implement.
#pragma once

#include <cstdint>

#include "base/data_type.h"
#include "ops/activation.h"

namespace tendon::cpu {

/// What follows the sums; y, residual and element_bias have `channels` elements a pixel.
struct Int16Epilogue {
  const float* scale = nullptr;  ///< one a channel, readable to the end of the last panel
  const float* bias = nullptr;   ///< the same
  const float* element_bias = nullptr;
  const void* residual = nullptr;
  DataType residual_dtype = DataType::kFloat32;
  float residual_scale = 1;
  Activation activation = Activation::kNone;
  void* y = nullptr;
  DataType y_dtype = DataType::kFloat32;
  float y_scale = 1;
  int64_t channels = 0;
};

/// y[first + p, channel + c] for p < pixels and c < columns: the sum over `taps` rows of the
/// window, each of `run` neighbouring elements of x, an even number.
struct Int16Line {
  const int16_t* x = nullptr;
  int64_t pixel_stride = 0;
  int64_t tap_stride = 0;
  int64_t taps = 0;
  int64_t run = 0;
  /// [taps, run / 2, width of a panel], aligned to vectors; each element holds two weights, the
  /// first in its low half.
  const int32_t* panel = nullptr;
  int64_t pixels = 0;
  int64_t first = 0;
  int64_t channel = 0;
  int64_t columns = 0;
};

}  // namespace tendon::cpu
