// Windows that slide over the spatial axes: what convolutions and pools share.
#pragma once

#include "ops/op.h"

namespace tendon {

/// ONNX's attributes. Empty lists stand for the defaults (strides and dilations 1, pads 0).
struct WindowAttributes {
  std::string auto_pad = "NOTSET";
  std::vector<int64_t> dilations;
  std::vector<int64_t> kernel_shape;
  /// All begins, outermost axis first, then all ends.
  std::vector<int64_t> pads;
  std::vector<int64_t> strides;
  bool operator==(const WindowAttributes&) const = default;
};
inline constexpr auto kWindowFields = std::tuple{
    Field{"auto_pad", &WindowAttributes::auto_pad},
    Field{"dilations", &WindowAttributes::dilations},
    Field{"kernel_shape", &WindowAttributes::kernel_shape}, Field{"pads", &WindowAttributes::pads},
    Field{"strides", &WindowAttributes::strides}};

/// One spatial axis with auto_pad resolved. Output position o reads the inputs
/// o * stride - pad_begin + k * dilation for k in [0, kernel).
struct WindowAxis {
  int64_t input = 1;
  int64_t output = 1;
  int64_t kernel = 1;
  int64_t stride = 1;
  int64_t dilation = 1;
  int64_t pad_begin = 0;
  int64_t pad_end = 0;

  /// Inputs from a window's first to its last, gaps included.
  int64_t extent() const { return (kernel - 1) * dilation + 1; }
};

/// The axes, outermost first, for a kernel of sizes `kernel` over spatial sizes `input`. Throws
/// Error{kBadInput} when an attribute does not fit their number, is out of range, or a window does
/// not fit the padded input.
std::vector<WindowAxis> window_axes(const WindowAttributes& attributes,
                                    std::span<const int64_t> input, std::span<const int64_t> kernel,
                                    bool ceil_mode = false);

/// The same axes as three, with axes of size 1 in front, so that one loop nest serves all ranks.
std::array<WindowAxis, 3> as_volume(std::span<const WindowAxis> axes);

/// Sizes and element steps of a batch of multi-channel images in either layout.
struct ImageLayout {
  int64_t batch = 1;
  int64_t channels = 1;
  /// Elements of one channel of one image.
  int64_t points = 1;
  int64_t channel_step = 1;
  int64_t point_step = 1;
  std::vector<int64_t> spatial;
};
/// Of shape N,C,spatial… or, channels last, N,spatial…,C, with 1 to 3 spatial axes.
ImageLayout image_layout(const Shape& shape, bool channels_last);
/// The shape of such a batch.
Shape image_shape(int64_t batch, int64_t channels, std::span<const WindowAxis> axes,
                  bool channels_last);

}  // namespace tendon
