#include "ops/conv_transpose.h"

#include <algorithm>

#include "ops/checks.h"
#include "ops/wide.h"

namespace tendon {
namespace {

/// One value an axis, `fallback` where the attribute is absent.
std::vector<int64_t> per_axis(const std::vector<int64_t>& values, size_t count,
                              std::string_view name, int64_t fallback, int64_t least) {
  if (values.empty()) return std::vector<int64_t>(count, fallback);
  constexpr int64_t kMost = int64_t{1} << 31;
  const auto fits = [&](int64_t value) { return value >= least && value <= kMost; };
  if (values.size() != count || !std::ranges::all_of(values, fits)) {
    fail_input("attribute '{}' is {}, expected {} numbers from {} on", name, values, count, least);
  }
  return values;
}

/// The convolution reads its input at o * stride - pad_begin + k * dilation; here that input is
/// written.
void scatter_channel(const std::array<WindowAxis, 3>& axes, const double* x, const double* w,
                     double* y) {
  const WindowAxis& outer = axes[0];
  const WindowAxis& middle = axes[1];
  const WindowAxis& inner = axes[2];
  const auto each_place = [](const WindowAxis& axis, int64_t o, auto&& visit) {
    for (int64_t k = 0; k < axis.kernel; ++k) {
      const int64_t place = o * axis.stride - axis.pad_begin + k * axis.dilation;
      if (place >= 0 && place < axis.input) visit(k, place);
    }
  };
  for (int64_t d = 0; d < outer.output; ++d) {
    for (int64_t h = 0; h < middle.output; ++h) {
      for (int64_t i = 0; i < inner.output; ++i) {
        const double value = *x++;
        each_place(outer, d, [&](int64_t kd, int64_t plane) {
          each_place(middle, h, [&](int64_t kh, int64_t row) {
            const double* taps = w + (kd * middle.kernel + kh) * inner.kernel;
            double* to = y + (plane * middle.input + row) * inner.input;
            each_place(inner, i, [&](int64_t kw, int64_t place) { to[place] += value * taps[kw]; });
          });
        });
      }
    }
  }
}

/// The axes with input and output exchanged, as the result's shape wants them.
std::vector<WindowAxis> result_axes(std::vector<WindowAxis> axes) {
  for (WindowAxis& axis : axes) std::swap(axis.input, axis.output);
  return axes;
}

}  // namespace

std::vector<WindowAxis> ConvTranspose::axes(const Shape& input, const Shape& weight) const {
  const auto kernel = weight.dims().subspan(2);
  if (!kernel_shape.empty() && !std::ranges::equal(kernel_shape, kernel)) {
    fail_input("attribute 'kernel_shape' is {}, but the weight has shape {}", kernel_shape, weight);
  }
  const size_t count = kernel.size();
  const bool same = auto_pad == "SAME_UPPER" || auto_pad == "SAME_LOWER";
  if (!same && auto_pad != "NOTSET" && auto_pad != "VALID") {
    fail_input("attribute 'auto_pad' is '{}', expected NOTSET, SAME_UPPER, SAME_LOWER or VALID",
               auto_pad);
  }
  const auto steps = per_axis(strides, count, "strides", 1, 1);
  const auto gaps = per_axis(dilations, count, "dilations", 1, 1);
  const auto padding =
      per_axis(auto_pad == "NOTSET" ? pads : std::vector<int64_t>{}, 2 * count, "pads", 0, 0);
  const auto extra = per_axis(output_padding, count, "output_padding", 0, 0);
  std::vector<int64_t> sizes = output_shape;
  // Some exporters write batch and channels too.
  if (sizes.size() == count + 2) sizes.erase(sizes.begin(), sizes.begin() + 2);
  sizes = per_axis(sizes, count, "output_shape", -1, 0);
  std::vector<WindowAxis> result(count);
  for (size_t i = 0; i < count; ++i) {
    WindowAxis& axis = result[i];
    axis.output = input[static_cast<int>(i) + 2];
    axis.kernel = kernel[i];
    axis.stride = steps[i];
    axis.dilation = gaps[i];
    if (axis.kernel < 1) fail_input("the weight {} has an empty kernel", weight);
    if (axis.output < 1) fail_input("the input {} has an empty spatial axis", input);
    const int64_t reach = checked_sum(checked_product(axis.kernel - 1, axis.dilation), 1);
    const int64_t whole =
        checked_sum(checked_sum(checked_product(axis.output - 1, axis.stride), reach), extra[i]);
    const int64_t wanted = sizes[i] >= 0 ? sizes[i]
                           : same        ? checked_product(axis.output, axis.stride)
                                         : -1;
    if (wanted >= 0) {
      const int64_t total = std::max<int64_t>(0, whole - wanted);
      axis.pad_begin = auto_pad == "SAME_UPPER" ? total / 2 : total - total / 2;
      axis.pad_end = total - axis.pad_begin;
      axis.input = wanted;
    } else {
      axis.pad_begin = padding[i];
      axis.pad_end = padding[i + count];
      axis.input = whole - axis.pad_begin - axis.pad_end;
      if (axis.input < 1) {
        fail_input("pads {} and {} leave nothing of {} along spatial axis {}", axis.pad_begin,
                   axis.pad_end, whole, i);
      }
    }
  }
  return result;
}

std::vector<TensorType> ConvTranspose::infer(Arguments arguments) const {
  const Argument& x = require_floating(arguments, 0, "X");
  const Argument& w = require_type(arguments, 1, "W", x.type.dtype);
  const ImageLayout image = image_layout(x.type.shape, false);
  const Shape& weight = w.type.shape;
  if (weight.rank() != x.type.shape.rank()) {
    fail_input("the weight has shape {}, the input {}; they need as many dimensions", weight,
               x.type.shape);
  }
  if (weight[0] != image.channels || group < 1 || image.channels % group != 0) {
    fail_input("input {} has {} channels, weight {} with group {} expects {}", x.type.shape,
               image.channels, weight, group, weight[0]);
  }
  const int64_t channels = checked_product(weight[1], group);
  if (has_input(arguments, 2)) {
    require_shape(require_type(arguments, 2, "B", x.type.dtype), "B", Shape{channels});
  }
  const auto spatial = result_axes(axes(x.type.shape, weight));
  return {{x.type.dtype, image_shape(image.batch, channels, spatial, false)}};
}

std::vector<Tensor> ConvTranspose::reference(std::span<const Tensor> inputs) const {
  const Shape& weight = inputs[1].shape();
  const auto spatial = axes(inputs[0].shape(), weight);
  const auto volume = as_volume(spatial);
  const ImageLayout image = image_layout(inputs[0].shape(), false);
  const int64_t channels = weight[1] * group;
  const Shape shape = image_shape(image.batch, channels, result_axes(spatial), false);
  const Widened<double> x(inputs[0]);
  const Widened<double> w(inputs[1]);
  const std::vector<double> bias =
      has_input(inputs, 2) ? to_doubles(inputs[2]) : std::vector<double>(channels, 0.0);
  const int64_t taps = volume[0].kernel * volume[1].kernel * volume[2].kernel;
  const int64_t points = volume[0].input * volume[1].input * volume[2].input;
  const int64_t read = image.channels / group;
  return {narrowed<double>(inputs[0].dtype(), shape, [&](double* y) {
    for (int64_t n = 0; n < image.batch; ++n) {
      for (int64_t m = 0; m < channels; ++m, y += points) {
        std::fill_n(y, points, bias[m]);
        const int64_t first = m / weight[1] * read;
        for (int64_t c = first; c < first + read; ++c) {
          scatter_channel(volume, x.data() + (n * image.channels + c) * image.points,
                          w.data() + (c * weight[1] + m % weight[1]) * taps, y);
        }
      }
    }
  })};
}

}  // namespace tendon
