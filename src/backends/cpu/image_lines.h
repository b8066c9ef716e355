// Lines of the first convolution on images: what the instruction sets implement.
#pragma once

#include <cstdint>

#include "base/data_type.h"
#include "ops/activation.h"

namespace tendon::cpu {

/// The convolution of one image [height, width, channels], line by line. A prepared line holds one
/// input line as float32 with its border, and what computing whole tiles reads beyond.
struct ImageLines {
  static constexpr int64_t kMostKernelLines = 16;
  static constexpr int64_t kMostChannels = 4;

  int64_t height = 1, width = 1, channels = 1;
  int64_t kernel_height = 1, kernel_width = 1;
  int64_t stride = 1;  ///< along a line
  int64_t pad_left = 0;
  int64_t y_width = 1, y_channels = 1;
  Activation activation = Activation::kNone;
  /// What is subtracted inside the border.
  float offset[kMostChannels] = {};
  /// Elements from one pixel to the next and from one channel to the next.
  int64_t pixel_step = 1, channel_step = 1;
  /// Chosen for the vector length in use.
  int64_t panel = 1;
  int64_t tile = 1;
  /// [panels, kernel_height, kernel_width, channels, panel] and [panels, panel], aligned to
  /// vectors.
  const float* weights = nullptr;
  const float* bias = nullptr;

  static int64_t round_up(int64_t value, int64_t unit) { return (value + unit - 1) / unit * unit; }
  int64_t panels() const { return (y_channels + panel - 1) / panel; }
  /// Elements of a pixel of a result line, and of the whole line.
  int64_t y_step() const { return panels() * panel; }
  int64_t y_elements() const { return round_up(y_width, tile) * y_step(); }
  int64_t prepared_elements() const {
    const int64_t pixels = (round_up(y_width, tile) - 1) * stride + kernel_width;
    return round_up(pixels * channels, 16);
  }
  /// Multiply-adds of a pixel and channel.
  int64_t taps() const { return kernel_height * kernel_width * channels; }
};

/// With panel and tile for the vectors in use.
ImageLines planned(const ImageLines& lines);

/// The work on one line, for the vectors in use.
struct ImageLineSteps {
  /// One input line to a prepared one whose border is 0 already.
  void (*prepare)(const ImageLines&, const void* source, float* prepared);
  /// One line of the result from kernel_height prepared lines; aligned to 64 bytes.
  void (*convolve)(const ImageLines&, const float* const* prepared, float* y);
  /// Maxima over windows of 3 pixels with stride 2 and a border of 1 of `count` result lines,
  /// dense.
  void (*pool)(const ImageLines&, const float* const* made, int64_t count, float* y);
  /// codes[i] = saturate(round(y[i] / scale)); null where the result is float32.
  void (*encode)(const float* y, void* codes, int64_t n, float scale);
};
/// For images in uint8 or float32, and a result in float32, int8 or uint8.
ImageLineSteps image_line_steps(DataType images, DataType y);

}  // namespace tendon::cpu
