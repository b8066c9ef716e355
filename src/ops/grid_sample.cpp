#include "ops/grid_sample.h"

#include <algorithm>
#include <array>

#include "ops/checks.h"
#include "ops/grid_axis.h"
#include "ops/wide.h"
#include "ops/window.h"

namespace tendon {
namespace {

/// One channel at one point of the grid; taps[0] is the outermost of three axes.
double sampled(const double* x, const std::array<int64_t, 3>& sizes,
               const std::array<GridTaps, 3>& taps) {
  double sum = 0;
  const auto each = [](const GridTaps& axis, auto&& visit) {
    for (size_t i = 0; i < static_cast<size_t>(axis.count); ++i) {
      if (axis.index[i] >= 0) visit(axis.index[i], axis.weight[i]);
    }
  };
  each(taps[0], [&](int64_t d, double depth) {
    each(taps[1], [&](int64_t h, double height) {
      each(taps[2], [&](int64_t w, double width) {
        sum += depth * height * width * x[(d * sizes[1] + h) * sizes[2] + w];
      });
    });
  });
  return sum;
}

}  // namespace

std::vector<TensorType> GridSample::infer(Arguments arguments) const {
  const TensorType& x = require_floating(arguments, 0, "X").type;
  const Shape& grid = require_floating(arguments, 1, "grid").type.shape;
  static constexpr std::string_view kModes[] = {"linear",   "nearest", "cubic",
                                                "bilinear", "bicubic", "trilinear"};
  if (std::ranges::find(kModes, mode) == std::end(kModes)) {
    fail_input("attribute 'mode' is '{}', expected linear, nearest or cubic", mode);
  }
  if (padding_mode != "zeros" && padding_mode != "border" && padding_mode != "reflection") {
    fail_input("attribute 'padding_mode' is '{}', expected zeros, border or reflection",
               padding_mode);
  }
  const ImageLayout image = image_layout(x.shape, false);
  const int axes = x.shape.rank() - 2;
  if (grid.rank() != x.shape.rank() || grid.back() != axes || grid[0] != image.batch) {
    fail_input("'grid' has shape {}, expected ({}, …, {}) of as many axes as X {}", grid,
               image.batch, axes, x.shape);
  }
  Shape shape{x.shape[0], x.shape[1]};
  for (int i = 1; i <= axes; ++i) shape.push_back(grid[i]);
  if (image.points == 0 && shape.element_count() > 0) {
    fail_input("X {} has no elements to read", x.shape);
  }
  return {{x.dtype, shape}};
}

std::vector<Tensor> GridSample::reference(std::span<const Tensor> inputs) const {
  const Shape& grid_shape = inputs[1].shape();
  const ImageLayout image = image_layout(inputs[0].shape(), false);
  const size_t axes = image.spatial.size();
  std::array<int64_t, 3> sizes{1, 1, 1};
  std::ranges::copy(image.spatial, sizes.end() - axes);
  std::vector<GridAxis> readers;
  for (const int64_t size : image.spatial) readers.emplace_back(*this, size);
  Shape shape{image.batch, image.channels};
  for (int i = 1; i + 1 < grid_shape.rank(); ++i) shape.push_back(grid_shape[i]);
  int64_t points = 1;
  for (int i = 2; i < shape.rank(); ++i) points *= shape[i];
  const Widened<double> x(inputs[0]);
  const Widened<double> grid(inputs[1]);
  return {narrowed<double>(inputs[0].dtype(), shape, [&](double* y) {
    for (int64_t n = 0; n < image.batch; ++n) {
      for (int64_t point = 0; point < points; ++point) {
        const double* at = grid.data() + (n * points + point) * static_cast<int64_t>(axes);
        std::array<GridTaps, 3> taps;
        for (GridTaps& axis : taps) axis.add(0, 1);
        for (size_t i = 0; i < axes; ++i) taps[2 - i] = readers[axes - 1 - i].taps(at[i]);
        for (int64_t c = 0; c < image.channels; ++c) {
          y[(n * image.channels + c) * points + point] =
              sampled(x.data() + (n * image.channels + c) * image.points, sizes, taps);
        }
      }
    }
  })};
}

}  // namespace tendon
