#include "ops/matmul.h"

#include "ops/broadcast.h"
#include "ops/checks.h"
#include "ops/matrix.h"
#include "ops/wide.h"

namespace tendon {
namespace {

/// [batch…, m, k] and [batch…, k, n] with rank 1 lifted to a row or a column.
struct Operands {
  Shape a;
  Shape b;
  Shape batch;
  bool drops_row = false;
  bool drops_column = false;
};

Shape batch_of(const Shape& shape) {
  return Shape(shape.dims().first(static_cast<size_t>(shape.rank() - 2)));
}

Operands lift(const Shape& a, const Shape& b) {
  if (a.rank() == 0 || b.rank() == 0) fail_input("{} x {}: a scalar has no matrix product", a, b);
  Operands operands{a, b, {}, a.rank() == 1, b.rank() == 1};
  if (operands.drops_row) operands.a = Shape{1, a[0]};
  if (operands.drops_column) operands.b = Shape{b[0], 1};
  const int64_t k = operands.b[operands.b.rank() - 2];
  if (operands.a.back() != k) {
    fail_input("{} x {}: the first has {} columns, the second has {} rows; they must be equal", a,
               b, operands.a.back(), k);
  }
  operands.batch = broadcast(batch_of(operands.a), batch_of(operands.b));
  return operands;
}

}  // namespace

Shape product_shape(const Shape& a, const Shape& b) {
  const Operands operands = lift(a, b);
  Shape shape = operands.batch;
  if (!operands.drops_row) shape.push_back(operands.a[operands.a.rank() - 2]);
  if (!operands.drops_column) shape.push_back(operands.b.back());
  return shape;
}

std::vector<TensorType> MatMul::infer(Arguments arguments) const {
  const Argument& a = require_numeric(arguments, 0, "A");
  const Argument& b = require_type(arguments, 1, "B", a.type.dtype);
  return {{a.type.dtype, product_shape(a.type.shape, b.type.shape)}};
}

std::vector<Tensor> MatMul::reference(std::span<const Tensor> inputs) const {
  const Operands operands = lift(inputs[0].shape(), inputs[1].shape());
  const int64_t m = operands.a[operands.a.rank() - 2];
  const int64_t k = operands.a.back();
  const int64_t n = operands.b.back();
  const Shape shape = product_shape(inputs[0].shape(), inputs[1].shape());
  return {visit_wide(inputs[0].dtype(), [&](auto wide) {
    using Wide = decltype(wide);
    const Widened<Wide> a(inputs[0]);
    const Widened<Wide> b(inputs[1]);
    return narrowed<Wide>(inputs[0].dtype(), shape, [&](Wide* y) {
      for_each_broadcast<2>(operands.batch,
                            {broadcast_strides(batch_of(operands.a), operands.batch),
                             broadcast_strides(batch_of(operands.b), operands.batch)},
                            [&](int64_t index, const auto& offsets) {
                              add_product(a.data() + offsets[0] * m * k,
                                          b.data() + offsets[1] * k * n, y + index * m * n, m, k,
                                          n);
                            });
    });
  })};
}

}  // namespace tendon
