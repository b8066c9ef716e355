#include "ops/scale_axis.h"

#include <algorithm>

#include "ops/checks.h"

namespace tendon {

void require_scale(Arguments arguments, int64_t axis, int64_t block_size) {
  const Shape& x = require_input(arguments, 0, "x").type.shape;
  const Argument& scale = require_floating(arguments, 1, "scale");
  if (block_size != 0) {
    fail(ErrorKind::kUnsupported,
         "attribute 'block_size' is {}; scales by block are not supported, use one by tensor or by "
         "axis",
         block_size);
  }
  if (scale.type.shape.element_count() != 1) {
    require_shape(scale, "scale", Shape{x[normalize_axis(axis, x.rank())]});
  }
  if (has_input(arguments, 2)) {
    require_shape(require_numeric(arguments, 2, "zero_point"), "zero_point", scale.type.shape);
  }
}

ScaleIndex::ScaleIndex(const Shape& shape, const Tensor& scale, int64_t axis) {
  if (scale.size() == 1) return;
  const AxisSplit split = split_at(shape, normalize_axis(axis, shape.rank()));
  inner_ = std::max<int64_t>(split.inner, 1);
  count_ = std::max<int64_t>(split.count, 1);
}

}  // namespace tendon
