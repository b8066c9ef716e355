#include "ops/residual_rows.h"

#include "ops/slice.h"

namespace tendon {
namespace {

bool is_wide(const Shape& shape, int64_t columns) {
  return shape.rank() > 0 && shape.back() > columns;
}

}  // namespace

Argument residual_rows(const Argument& residual, int64_t columns) {
  Argument rows = residual;
  if (!residual.present || !is_wide(residual.type.shape, columns)) return rows;
  rows.type.shape[rows.type.shape.rank() - 1] = columns;
  rows.value = nullptr;
  return rows;
}

Tensor residual_rows(const Tensor& residual, int64_t columns) {
  if (!residual.defined() || !is_wide(residual.shape(), columns)) return residual;
  const auto number = [](int64_t value) { return Tensor::from<int64_t>(Shape{1}, {value}); };
  const Tensor inputs[] = {residual, number(0), number(columns), number(-1)};
  return Slice{}.reference(inputs)[0];
}

}  // namespace tendon
