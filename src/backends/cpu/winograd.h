// A block of tiles of a 3x3 convolution by Winograd's F(4x4, 3x3): what the instruction sets
// implement.
#pragma once

#include <algorithm>
#include <cstdint>

#include "ops/activation.h"

namespace tendon::cpu {

/// Outputs along each axis of a tile, and the inputs that they depend on.
inline constexpr int64_t kWinogradOutputs = 4;
inline constexpr int64_t kWinogradInputs = 6;
inline constexpr int64_t kWinogradPlaces = kWinogradInputs * kWinogradInputs;

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
  Activation activation = Activation::kNone;
  /// [panels, channels, 9, width of a panel], aligned to vectors.
  const void* windows = nullptr;
  int64_t first_panel = 0, last_panel = 0;
  int64_t first_tile = 0, tiles = 0;
  /// [36, rows, channels] and [36, rows, width of a panel], with a gap after each of the 36; rows
  /// is at least `tiles` and a multiple of winograd_rows().
  float* transformed = nullptr;
  float* products = nullptr;
  /// window_places(width of a panel) elements.
  float* places = nullptr;
  int64_t rows = 0;

  /// Steps from one of the 36 places to the next. Without the gap they would often be multiples of
  /// a page, and the 36 vectors of a tile would share the few ways of one set of the L1 cache.
  int64_t input_step() const { return rows * channels + kGap; }
  int64_t product_step(int64_t panel_width) const { return rows * panel_width + kGap; }
  /// Channels whose windows are transformed at once: their places stay in the L2 cache.
  int64_t window_channels(int64_t panel_width) const {
    return std::min(channels, kPlacesElements / (kWinogradPlaces * panel_width));
  }
  int64_t window_step(int64_t panel_width) const {
    return window_channels(panel_width) * panel_width + kGap;
  }
  int64_t window_places(int64_t panel_width) const {
    return kWinogradPlaces * window_step(panel_width);
  }

  int64_t tile_rows() const { return (y_height + kWinogradOutputs - 1) / kWinogradOutputs; }
  int64_t tile_columns() const { return (y_width + kWinogradOutputs - 1) / kWinogradOutputs; }

  static constexpr int64_t kGap = 16;
  static constexpr int64_t kPlacesElements = 73728;
};

}  // namespace tendon::cpu
