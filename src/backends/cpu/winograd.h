// A block of tiles of a 3x3 convolution by Winograd's algorithm: what the instruction sets
// implement.
#pragma once

#include <algorithm>
#include <cstdint>

#include "ops/activation.h"

namespace tendon::cpu {

/// Outputs along each axis of a tile.
inline constexpr int64_t kWinogradOutputs = 4;

/// The inputs along an axis that one part of the products meets. With stride 1 there is one part.
/// With stride 2 there are two an axis, four in all: the inputs that the first and the last taps
/// meet, and those between them, which only the middle taps do.
struct WinogradAxis {
  bool between = false;
};
struct WinogradPart {
  WinogradAxis rows, columns;
};

/// x [images, height, width, channels], y [images, y_height, y_width, y_channels]; residual has y's
/// shape. These and the windows are float32 or bfloat16, all else float32. Tiles are numbered row
/// by row, image by image; channels are multiples of 16.
struct WinogradBlock {
  const void* x = nullptr;
  const float* bias = nullptr;  ///< [y_channels]
  const void* residual = nullptr;
  void* y = nullptr;
  int64_t height = 1, width = 1, channels = 1;
  int64_t y_height = 1, y_width = 1, y_channels = 1;
  int64_t pad_top = 0, pad_left = 0;
  int64_t stride = 1;  ///< 1 or 2
  Activation activation = Activation::kNone;
  /// [panels, channels, 9, width of a panel], aligned to vectors.
  const void* windows = nullptr;
  int64_t first_panel = 0, last_panel = 0;
  int64_t first_tile = 0, tiles = 0;
  /// [parts, places, rows, channels] and [places, rows, width of a panel], with a gap after each of
  /// the places; rows is at least `tiles` and a multiple of winograd_rows().
  float* transformed = nullptr;
  float* products = nullptr;
  /// window_places(width of a panel) elements.
  float* places_of_windows = nullptr;
  int64_t rows = 0;

  /// Transformed inputs along an axis of a tile, those of a tile, and the parts of the products.
  int64_t inputs() const { return stride == 1 ? 6 : 5; }
  int64_t places() const { return inputs() * inputs(); }
  int64_t parts() const { return stride * stride; }
  WinogradPart part(int64_t number) const { return {{number / 2 == 1}, {number % 2 == 1}}; }
  /// Products of a tile for each pair of channels: a window between others lacks the last place.
  int64_t multiplications() const { return stride == 1 ? 36 : 81; }

  /// Steps from one place to the next. Without the gap they would often be multiples of a page, and
  /// the vectors of a tile would share the few ways of one set of the L1 cache.
  int64_t input_step() const { return rows * channels + kGap; }
  int64_t product_step(int64_t panel_width) const { return rows * panel_width + kGap; }
  /// Channels whose windows are transformed at once: their places stay in the L2 cache.
  int64_t window_channels(int64_t panel_width) const {
    return std::min(channels, kPlacesElements / (places() * panel_width));
  }
  int64_t window_step(int64_t panel_width) const {
    return window_channels(panel_width) * panel_width + kGap;
  }
  int64_t window_places(int64_t panel_width) const { return places() * window_step(panel_width); }

  int64_t tile_rows() const { return (y_height + kWinogradOutputs - 1) / kWinogradOutputs; }
  int64_t tile_columns() const { return (y_width + kWinogradOutputs - 1) / kWinogradOutputs; }

  static constexpr int64_t kGap = 16;
  static constexpr int64_t kPlacesElements = 73728;
};

}  // namespace tendon::cpu
