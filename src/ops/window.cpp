#include "ops/window.h"

#include <algorithm>

#include "ops/checks.h"

namespace tendon {
namespace {

void require_length(std::span<const int64_t> values, std::string_view name, size_t expected,
                    int64_t least) {
  if (values.size() != expected) {
    fail_input("attribute '{}' has {} elements, expected {}", name, values.size(), expected);
  }
  for (const int64_t value : values) {
    if (value < least) fail_input("attribute '{}' holds {}, expected >= {}", name, value, least);
  }
}

void pad_to_same(WindowAxis& axis, bool more_at_end) {
  axis.output = (axis.input + axis.stride - 1) / axis.stride;
  const int64_t reach = checked_sum(
      checked_product(std::max<int64_t>(axis.output - 1, 0), axis.stride), axis.extent());
  const int64_t total = std::max<int64_t>(reach - axis.input, 0);
  axis.pad_begin = more_at_end ? total / 2 : total - total / 2;
  axis.pad_end = total - axis.pad_begin;
}

void count_outputs(WindowAxis& axis, size_t index, bool ceil_mode) {
  const int64_t padded = checked_sum(checked_sum(axis.input, axis.pad_begin), axis.pad_end);
  const int64_t room = padded - axis.extent();
  if (room < 0) {
    fail_input(
        "a window of {} (dilation {}) does not fit spatial axis {} of size {} with pads {} and {}",
        axis.kernel, axis.dilation, index, axis.input, axis.pad_begin, axis.pad_end);
  }
  axis.output = room / axis.stride + 1;
  if (ceil_mode && room % axis.stride != 0) {
    // A last window that would start in the end padding does not count.
    const int64_t start = checked_product(axis.output, axis.stride);
    if (start < axis.input + axis.pad_begin) ++axis.output;
  }
}

}  // namespace

std::vector<WindowAxis> window_axes(const WindowAttributes& attributes,
                                    std::span<const int64_t> input, std::span<const int64_t> kernel,
                                    bool ceil_mode) {
  const size_t rank = input.size();
  require_length(kernel, "kernel_shape", rank, 1);
  if (!attributes.strides.empty()) require_length(attributes.strides, "strides", rank, 1);
  if (!attributes.dilations.empty()) require_length(attributes.dilations, "dilations", rank, 1);
  if (!attributes.pads.empty()) require_length(attributes.pads, "pads", 2 * rank, 0);
  const std::string& mode = attributes.auto_pad;
  const bool same = mode == "SAME_UPPER" || mode == "SAME_LOWER";
  if (!same && mode != "NOTSET" && mode != "VALID") {
    fail_input("attribute 'auto_pad' is '{}', expected NOTSET, VALID, SAME_UPPER or SAME_LOWER",
               mode);
  }
  const bool padded = std::ranges::any_of(attributes.pads, [](int64_t pad) { return pad != 0; });
  if (mode != "NOTSET" && padded) {
    fail_input("attributes 'auto_pad' ({}) and 'pads' exclude each other", mode);
  }
  std::vector<WindowAxis> axes(rank);
  for (size_t i = 0; i < rank; ++i) {
    WindowAxis& axis = axes[i];
    axis.input = input[i];
    axis.kernel = kernel[i];
    if (!attributes.strides.empty()) axis.stride = attributes.strides[i];
    if (!attributes.dilations.empty()) axis.dilation = attributes.dilations[i];
    if (padded) {
      axis.pad_begin = attributes.pads[i];
      axis.pad_end = attributes.pads[i + rank];
    }
    checked_sum(checked_product(axis.kernel - 1, axis.dilation), 1);
    checked_sum(axis.input, axis.stride);
    if (same) {
      pad_to_same(axis, mode == "SAME_UPPER");
    } else {
      count_outputs(axis, i, ceil_mode);
    }
  }
  return axes;
}

std::array<WindowAxis, 3> as_volume(std::span<const WindowAxis> axes) {
  std::array<WindowAxis, 3> volume;
  std::ranges::copy(axes, volume.end() - static_cast<ptrdiff_t>(axes.size()));
  return volume;
}

ImageLayout image_layout(const Shape& shape, bool channels_last) {
  if (shape.rank() < 3 || shape.rank() > 5) {
    fail_input(
        "the input has shape {}, expected 1 to 3 spatial dimensions besides batch and channels",
        shape);
  }
  shape.element_count();
  const size_t spatial = static_cast<size_t>(shape.rank() - 2);
  const auto dims = shape.dims().subspan(channels_last ? 1 : 2, spatial);
  ImageLayout layout;
  layout.batch = shape[0];
  layout.channels = channels_last ? shape.back() : shape[1];
  layout.spatial.assign(dims.begin(), dims.end());
  for (const int64_t dim : dims) layout.points *= dim;
  layout.channel_step = channels_last ? 1 : layout.points;
  layout.point_step = channels_last ? layout.channels : 1;
  return layout;
}

Shape image_shape(int64_t batch, int64_t channels, std::span<const WindowAxis> axes,
                  bool channels_last) {
  Shape shape{batch};
  if (!channels_last) shape.push_back(channels);
  for (const WindowAxis& axis : axes) shape.push_back(axis.output);
  if (channels_last) shape.push_back(channels);
  return shape;
}

}  // namespace tendon
