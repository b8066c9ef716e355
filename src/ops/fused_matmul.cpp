#include "ops/fused_matmul.h"

#include "ops/broadcast.h"

namespace tendon {
namespace {

Shape batch_of(const Shape& shape) {
  return Shape(shape.dims().first(static_cast<size_t>(shape.rank() - 2)));
}

/// Float32 where bfloat16 factors meet a float32 bias or residual, else the factors' type.
DataType result_type(Arguments arguments) {
  const DataType factors = arguments[0].type.dtype;
  const auto is_wide = [&](size_t i) {
    return has_input(arguments, i) && arguments[i].type.dtype == DataType::kFloat32;
  };
  return factors == DataType::kBFloat16 && (is_wide(2) || is_wide(3)) ? DataType::kFloat32
                                                                      : factors;
}

}  // namespace

Shape FusedMatMul::output_shape(const Shape& a, const Shape& b) const {
  if (a.rank() < 2 || b.rank() < 2) {
    fail_input("inputs have shapes {} and {}, expected at least two axes each", a, b);
  }
  const int64_t depth = b[trans_b ? b.rank() - 1 : b.rank() - 2];
  if (a.back() != depth) {
    fail_input("{} cannot be multiplied by {}{}: {} columns meet {} rows", a, b,
               trans_b ? " transposed" : "", a.back(), depth);
  }
  Shape shape = broadcast(batch_of(a), batch_of(b));
  shape.push_back(a[a.rank() - 2]);
  shape.push_back(b[trans_b ? b.rank() - 2 : b.rank() - 1]);
  return shape;
}

std::vector<TensorType> FusedMatMul::infer(Arguments arguments) const {
  const TensorType& a = require_input(arguments, 0, "A").type;
  const TensorType& b = require_input(arguments, 1, "B").type;
  if (a.dtype != b.dtype) fail_input("inputs are {} and {}, expected one type", a, b);
  require_known(activation);
  const Shape shape = output_shape(a.shape, b.shape);
  const DataType type = result_type(arguments);
  for (size_t i = 2; i < 4; ++i) {
    if (has_input(arguments, i) && arguments[i].type.dtype != type) {
      fail_input("{} is {}, expected type {}", i == 2 ? "bias" : "residual", arguments[i].type,
                 type);
    }
  }
  if (has_input(arguments, 2) && broadcast(arguments[2].type.shape, shape) != shape) {
    fail_input("bias has shape {}, which does not broadcast to {}", arguments[2].type.shape, shape);
  }
  if (has_input(arguments, 3) && arguments[3].type.shape != shape) {
    fail_input("residual has shape {}, expected {}", arguments[3].type.shape, shape);
  }
  return {{type, shape}};
}

std::vector<Tensor> FusedMatMul::reference(std::span<const Tensor> inputs) const {
  const Shape& a_shape = inputs[0].shape();
  const Shape& b_shape = inputs[1].shape();
  const Shape shape = output_shape(a_shape, b_shape);
  const int64_t rows = shape[shape.rank() - 2];
  const int64_t columns = shape.back();
  const int64_t depth = a_shape.back();
  const int64_t row_step = trans_b ? 1 : columns;
  const int64_t column_step = trans_b ? depth : 1;
  const std::vector<double> a = to_doubles(inputs[0]);
  const std::vector<double> b = to_doubles(inputs[1]);
  const Shape batch = batch_of(shape);
  std::vector<double> result(static_cast<size_t>(shape.element_count()));
  for_each_broadcast<2>(
      batch,
      {broadcast_strides(batch_of(a_shape), batch), broadcast_strides(batch_of(b_shape), batch)},
      [&](int64_t index, const auto& offsets) {
        const double* left = a.data() + offsets[0] * rows * depth;
        const double* right = b.data() + offsets[1] * depth * columns;
        double* out = result.data() + index * rows * columns;
        for (int64_t m = 0; m < rows; ++m) {
          for (int64_t k = 0; k < depth; ++k) {
            const double factor = left[m * depth + k];
            for (int64_t n = 0; n < columns; ++n) {
              out[m * columns + n] += factor * right[k * row_step + n * column_step];
            }
          }
        }
      });
  const bool has_bias = has_input(inputs, 2);
  const bool has_residual = has_input(inputs, 3);
  const auto bias = has_bias ? to_doubles(inputs[2]) : std::vector<double>{0.0};
  const auto residual = has_residual ? to_doubles(inputs[3]) : std::vector<double>{};
  for_each_broadcast<1>(shape, {broadcast_strides(has_bias ? inputs[2].shape() : Shape{}, shape)},
                        [&](int64_t index, const auto& offsets) {
                          double& y = result[static_cast<size_t>(index)];
                          y = y * static_cast<double>(alpha) +
                              bias[static_cast<size_t>(offsets[0])];
                          if (has_residual) y += residual[static_cast<size_t>(index)];
                          y = apply(activation, y);
                        });
  const DataType type = has_bias       ? inputs[2].dtype()
                        : has_residual ? inputs[3].dtype()
                                       : inputs[0].dtype();
  return {cast(Tensor::from<double>(shape, result), type)};
}

}  // namespace tendon
