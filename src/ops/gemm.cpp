#include "ops/gemm.h"

#include <cmath>

#include "ops/broadcast.h"
#include "ops/checks.h"
#include "ops/elements.h"
#include "ops/matrix.h"
#include "ops/wide.h"

namespace tendon {
namespace {

Shape oriented(const Shape& shape, bool transposed) {
  return transposed ? Shape{shape[1], shape[0]} : shape;
}

Tensor oriented(const Tensor& matrix, bool transposed) {
  if (!transposed) return matrix;
  return copy_strided(matrix, oriented(matrix.shape(), true), {1, matrix.shape()[1]});
}

void require_whole(float factor, std::string_view name) {
  if (factor != std::trunc(factor) || std::fabs(factor) > 1e9f) {
    fail_input("attribute '{}' is {}, expected a whole number for integer matrices", name, factor);
  }
}

}  // namespace

std::vector<TensorType> Gemm::infer(Arguments arguments) const {
  const Argument& a = require_numeric(arguments, 0, "A");
  const Argument& b = require_type(arguments, 1, "B", a.type.dtype);
  require_rank(a, "A", 2);
  require_rank(b, "B", 2);
  if (!is_floating(a.type.dtype)) {
    require_whole(alpha, "alpha");
    require_whole(beta, "beta");
  }
  const Shape left = oriented(a.type.shape, trans_a);
  const Shape right = oriented(b.type.shape, trans_b);
  if (left[1] != right[0]) {
    fail_input("A is {}{}, B is {}{}: {} columns against {} rows; they must be equal", a.type.shape,
               trans_a ? " transposed" : "", b.type.shape, trans_b ? " transposed" : "", left[1],
               right[0]);
  }
  const Shape shape{left[0], right[1]};
  if (has_input(arguments, 2)) {
    require_broadcastable(require_type(arguments, 2, "C", a.type.dtype), "C", shape);
  }
  return {{a.type.dtype, shape}};
}

std::vector<Tensor> Gemm::reference(std::span<const Tensor> inputs) const {
  const Tensor left = oriented(inputs[0], trans_a);
  const Tensor right = oriented(inputs[1], trans_b);
  const Shape shape{left.shape()[0], right.shape()[1]};
  return {visit_wide(left.dtype(), [&](auto wide) {
    using Wide = decltype(wide);
    const Widened<Wide> a(left);
    const Widened<Wide> b(right);
    return narrowed<Wide>(left.dtype(), shape, [&](Wide* y) {
      add_product(a.data(), b.data(), y, shape[0], left.shape()[1], shape[1]);
      const Wide product_factor = static_cast<Wide>(alpha);
      for (int64_t i = 0; i < shape.element_count(); ++i) {
        y[i] = wrapping_product(y[i], product_factor);
      }
      if (!has_input(inputs, 2)) return;
      const Widened<Wide> c(inputs[2]);
      const Wide c_factor = static_cast<Wide>(beta);
      for_each_broadcast<1>(shape, {broadcast_strides(inputs[2].shape(), shape)},
                            [&](int64_t index, const auto& offsets) {
                              y[index] =
                                  wrapping_sum(y[index], wrapping_product(c[offsets[0]], c_factor));
                            });
    });
  })};
}

}  // namespace tendon
