#include "ops/conv.h"

#include <algorithm>

#include "ops/checks.h"
#include "ops/wide.h"

namespace tendon {
namespace {

/// Output positions whose tap `k` lies inside the input.
struct Range {
  int64_t begin;
  int64_t end;
};
Range inside(const WindowAxis& axis, int64_t k) {
  const int64_t shift = axis.pad_begin - k * axis.dilation;
  const int64_t begin = shift <= 0 ? 0 : (shift + axis.stride - 1) / axis.stride;
  const int64_t last = axis.input - 1 + shift;
  const int64_t end = last < 0 ? 0 : std::min(axis.output, last / axis.stride + 1);
  return {begin, std::max(begin, end)};
}

}  // namespace

void add_convolved(const std::array<WindowAxis, 3>& axes, const double* x, const double* w,
                   double* y) {
  const auto& [outer, middle, inner] = axes;
  for (int64_t kd = 0; kd < outer.kernel; ++kd) {
    for (int64_t kh = 0; kh < middle.kernel; ++kh) {
      for (int64_t kw = 0; kw < inner.kernel; ++kw) {
        const double weight = *w++;
        const Range ds = inside(outer, kd);
        const Range hs = inside(middle, kh);
        const Range ws = inside(inner, kw);
        for (int64_t d = ds.begin; d < ds.end; ++d) {
          const int64_t plane = d * outer.stride - outer.pad_begin + kd * outer.dilation;
          for (int64_t h = hs.begin; h < hs.end; ++h) {
            const int64_t row = h * middle.stride - middle.pad_begin + kh * middle.dilation;
            const double* from = x + (plane * middle.input + row) * inner.input;
            double* to = y + (d * middle.output + h) * inner.output;
            const int64_t shift = kw * inner.dilation - inner.pad_begin;
            for (int64_t i = ws.begin; i < ws.end; ++i) {
              to[i] += weight * from[i * inner.stride + shift];
            }
          }
        }
      }
    }
  }
}

std::vector<WindowAxis> Conv::axes(const Shape& input, const Shape& weight) const {
  const auto kernel = weight.dims().subspan(2);
  if (!kernel_shape.empty() && !std::ranges::equal(kernel_shape, kernel)) {
    fail_input("attribute 'kernel_shape' is {}, but the weight has shape {}", kernel_shape, weight);
  }
  return window_axes(*this, input.dims().subspan(2), kernel);
}

std::vector<TensorType> Conv::infer(Arguments arguments) const {
  const Argument& x = require_floating(arguments, 0, "X");
  const Argument& w = require_type(arguments, 1, "W", x.type.dtype);
  const ImageLayout image = image_layout(x.type.shape, false);
  const Shape& weight = w.type.shape;
  if (weight.rank() != x.type.shape.rank()) {
    fail_input("the weight has shape {}, the input {}; they need as many dimensions", weight,
               x.type.shape);
  }
  if (group < 1 || weight[0] % group != 0) {
    fail_input("attribute 'group' is {}, but the weight {} has {} output channels", group, weight,
               weight[0]);
  }
  if (checked_product(weight[1], group) != image.channels) {
    fail_input("input {} has {} channels, weight {} with group {} expects {}", x.type.shape,
               image.channels, weight, group, weight[1] * group);
  }
  if (has_input(arguments, 2)) {
    require_shape(require_type(arguments, 2, "B", x.type.dtype), "B", Shape{weight[0]});
  }
  return {{x.type.dtype, image_shape(image.batch, weight[0], axes(x.type.shape, weight), false)}};
}

std::vector<Tensor> Conv::reference(std::span<const Tensor> inputs) const {
  const Shape& weight = inputs[1].shape();
  const auto spatial = axes(inputs[0].shape(), weight);
  const auto volume = as_volume(spatial);
  const ImageLayout image = image_layout(inputs[0].shape(), false);
  const Shape shape = image_shape(image.batch, weight[0], spatial, false);
  const Widened<double> x(inputs[0]);
  const Widened<double> w(inputs[1]);
  const std::vector<double> bias =
      has_input(inputs, 2) ? to_doubles(inputs[2]) : std::vector<double>(weight[0], 0.0);
  const int64_t taps = volume[0].kernel * volume[1].kernel * volume[2].kernel;
  const int64_t points = volume[0].output * volume[1].output * volume[2].output;
  return {narrowed<double>(inputs[0].dtype(), shape, [&](double* y) {
    for (int64_t n = 0; n < image.batch; ++n) {
      for (int64_t m = 0; m < weight[0]; ++m, y += points) {
        std::fill_n(y, points, bias[m]);
        const int64_t first = m / (weight[0] / group) * weight[1];
        for (int64_t c = 0; c < weight[1]; ++c) {
          add_convolved(volume, x.data() + (n * image.channels + first + c) * image.points,
                        w.data() + (m * weight[1] + c) * taps, y);
        }
      }
    }
  })};
}

}  // namespace tendon
