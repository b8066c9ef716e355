#include "ops/range.h"

#include <algorithm>
#include <cmath>

#include "ops/checks.h"
#include "ops/wide.h"

namespace tendon {
namespace {

constexpr double kMaxElements = 1e12;

int64_t length(const Tensor& start, const Tensor& limit, const Tensor& delta) {
  const double step = to_doubles(delta)[0];
  if (step == 0) fail_input("'delta' is 0, expected another number");
  const double count = std::ceil((to_doubles(limit)[0] - to_doubles(start)[0]) / step);
  if (!(count <= kMaxElements)) fail_input("a range of {} elements is too long", count);
  return count <= 0 ? 0 : static_cast<int64_t>(count);
}

}  // namespace

std::vector<TensorType> Range::infer(Arguments arguments) const {
  const DataType dtype = require_numeric(arguments, 0, "start").type.dtype;
  static constexpr std::string_view kNames[] = {"start", "limit", "delta"};
  for (size_t i = 0; i < std::size(kNames); ++i) {
    const Argument& scalar = require_type(arguments, i, kNames[i], dtype);
    if (scalar.type.shape.element_count() != 1) {
      fail_input("'{}' has shape {}, expected a scalar", kNames[i], scalar.type.shape);
    }
    require_known(arguments, i, kNames[i]);
  }
  return {{dtype, Shape{length(*arguments[0].value, *arguments[1].value, *arguments[2].value)}}};
}

std::vector<Tensor> Range::reference(std::span<const Tensor> inputs) const {
  const Shape shape{length(inputs[0], inputs[1], inputs[2])};
  return {visit_wide(inputs[0].dtype(), [&](auto wide) {
    using Wide = decltype(wide);
    const Wide start = Widened<Wide>(inputs[0])[0];
    const Wide delta = Widened<Wide>(inputs[2])[0];
    return narrowed<Wide>(inputs[0].dtype(), shape, [&](Wide* y) {
      for (int64_t i = 0; i < shape[0]; ++i) {
        y[i] = wrapping_sum(start, wrapping_product(static_cast<Wide>(i), delta));
      }
    });
  })};
}

}  // namespace tendon
