#include "ops/average_pool.h"

#include "ops/checks.h"
#include "ops/pool_windows.h"
#include "ops/wide.h"

namespace tendon {
namespace {

/// Taps of the window at output `o` that lie in the input or its padding.
int64_t padded_taps(const WindowAxis& axis, int64_t o) {
  const int64_t room = axis.input + axis.pad_end - (o * axis.stride - axis.pad_begin);
  return std::min(axis.kernel, (room + axis.dilation - 1) / axis.dilation);
}

int64_t padded_taps(const std::array<WindowAxis, 3>& axes, int64_t out) {
  int64_t taps = 1;
  for (size_t i = axes.size(); i-- > 0;) {
    taps *= padded_taps(axes[i], out % axes[i].output);
    out /= axes[i].output;
  }
  return taps;
}

}  // namespace

std::vector<TensorType> AveragePool::infer(Arguments arguments) const {
  const TensorType& x = require_floating(arguments, 0, "X").type;
  const ImageLayout image = image_layout(x.shape, channels_last);
  return {{x.dtype, image_shape(image.batch, image.channels, pool_axes(*this, image, ceil_mode),
                                channels_last)}};
}

std::vector<Tensor> AveragePool::reference(std::span<const Tensor> inputs) const {
  const ImageLayout image = image_layout(inputs[0].shape(), channels_last);
  const auto axes = pool_axes(*this, image, ceil_mode);
  const auto volume = as_volume(axes);
  const Shape shape = image_shape(image.batch, image.channels, axes, channels_last);
  const ImageLayout pooled = image_layout(shape, channels_last);
  const Widened<double> x(inputs[0]);
  return {narrowed<double>(inputs[0].dtype(), shape, [&](double* y) {
    for (int64_t n = 0; n < image.batch; ++n) {
      for (int64_t c = 0; c < image.channels; ++c) {
        const double* from = x.data() + n * image.channels * image.points + c * image.channel_step;
        double* to = y + n * image.channels * pooled.points + c * pooled.channel_step;
        for_each_window(volume, [&](int64_t out, auto&& window) {
          double sum = 0;
          int64_t count = 0;
          window([&](int64_t point) {
            sum += from[point * image.point_step];
            ++count;
          });
          if (count_include_pad) count = padded_taps(volume, out);
          to[out * pooled.point_step] = sum / static_cast<double>(count);
        });
      }
    }
  })};
}

}  // namespace tendon
