#include "ops/max_pool.h"

#include <cmath>
#include <limits>

#include "ops/checks.h"
#include "ops/pool_windows.h"
#include "ops/wide.h"

namespace tendon {
namespace {

/// A row-major point of one channel, counted column-major.
int64_t column_major(int64_t point, std::span<const int64_t> spatial) {
  int64_t index = 0;
  for (size_t axis = spatial.size(); axis-- > 0;) {
    int64_t step = 1;
    for (size_t i = 0; i < axis; ++i) step *= spatial[i];
    index += point % spatial[axis] * step;
    point /= spatial[axis];
  }
  return index;
}

}  // namespace

std::vector<TensorType> MaxPool::infer(Arguments arguments) const {
  const TensorType& x = require_numeric(arguments, 0, "X").type;
  if (storage_order != 0 && storage_order != 1) {
    fail_input("attribute 'storage_order' is {}, expected 0 or 1", storage_order);
  }
  const ImageLayout image = image_layout(x.shape, channels_last);
  const Shape shape =
      image_shape(image.batch, image.channels, pool_axes(*this, image, ceil_mode), channels_last);
  if (channels_last) return {{x.dtype, shape}};
  return {{x.dtype, shape}, {DataType::kInt64, shape}};
}

std::vector<Tensor> MaxPool::reference(std::span<const Tensor> inputs) const {
  const ImageLayout image = image_layout(inputs[0].shape(), channels_last);
  const auto axes = pool_axes(*this, image, ceil_mode);
  const Shape shape = image_shape(image.batch, image.channels, axes, channels_last);
  const ImageLayout pooled = image_layout(shape, channels_last);
  const Widened<double> x(inputs[0]);
  Tensor indices(DataType::kInt64, shape);
  int64_t* places = indices.mutable_data<int64_t>().data();
  Tensor values = narrowed<double>(inputs[0].dtype(), shape, [&](double* y) {
    for (int64_t n = 0; n < image.batch; ++n) {
      for (int64_t c = 0; c < image.channels; ++c) {
        const int64_t from = n * image.channels * image.points + c * image.channel_step;
        const int64_t to = n * image.channels * pooled.points + c * pooled.channel_step;
        for_each_window(as_volume(axes), [&](int64_t out, auto&& window) {
          double best = -std::numeric_limits<double>::infinity();
          int64_t place = -1;
          window([&](int64_t point) {
            const double value = x[from + point * image.point_step];
            if (place < 0 || value > best || (std::isnan(value) && !std::isnan(best))) {
              best = value;
              place = point;
            }
          });
          y[to + out * pooled.point_step] = best;
          places[to + out * pooled.point_step] =
              from + (storage_order == 1 ? column_major(place, image.spatial) : place);
        });
      }
    }
  });
  if (channels_last) return {values};
  return {values, indices};
}

}  // namespace tendon
