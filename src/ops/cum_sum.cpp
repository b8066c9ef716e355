#include "ops/cum_sum.h"

#include "ops/checks.h"
#include "ops/elements.h"
#include "ops/wide.h"

namespace tendon {
namespace {

int axis_of(const Tensor& axis, int rank) {
  if (axis.size() != 1) fail_input("'axis' has shape {}, expected one element", axis.shape());
  return normalize_axis(to_int64s(axis)[0], rank);
}

}  // namespace

std::vector<TensorType> CumSum::infer(Arguments arguments) const {
  const Argument& x = require_numeric(arguments, 0, "x");
  const Argument& axis = require_input(arguments, 1, "axis");
  if (axis.value != nullptr) axis_of(*axis.value, x.type.shape.rank());
  return {x.type};
}

std::vector<Tensor> CumSum::reference(std::span<const Tensor> inputs) const {
  const Shape& shape = inputs[0].shape();
  const AxisSplit split = split_at(shape, axis_of(inputs[1], shape.rank()));
  return {visit_wide(inputs[0].dtype(), [&](auto wide) {
    using Wide = decltype(wide);
    const Widened<Wide> x(inputs[0]);
    return narrowed<Wide>(inputs[0].dtype(), shape, [&](Wide* y) {
      for (int64_t outer = 0; outer < split.outer; ++outer) {
        for (int64_t inner = 0; inner < split.inner; ++inner) {
          Wide sum = 0;
          for (int64_t k = 0; k < split.count; ++k) {
            const int64_t place = reverse ? split.count - 1 - k : k;
            const int64_t index = (outer * split.count + place) * split.inner + inner;
            const Wide before = sum;
            sum = wrapping_sum(sum, x[index]);
            y[index] = exclusive ? before : sum;
          }
        }
      }
    });
  })};
}

}  // namespace tendon
