#include "ops/dequantize_linear.h"

#include "ops/checks.h"
#include "ops/scale_axis.h"
#include "ops/wide.h"

namespace tendon {

std::vector<TensorType> DequantizeLinear::infer(Arguments arguments) const {
  require_scale(arguments, axis, block_size);
  const TensorType& x = require_numeric(arguments, 0, "x").type;
  if (is_floating(x.dtype)) fail_input("input 0 ('x') is {}, expected an integer type", x.dtype);
  if (has_input(arguments, 2)) require_type(arguments, 2, "x_zero_point", x.dtype);
  return {{arguments[1].type.dtype, x.shape}};
}

std::vector<Tensor> DequantizeLinear::reference(std::span<const Tensor> inputs) const {
  const ScaleIndex index(inputs[0].shape(), inputs[1], axis);
  const std::vector<int64_t> x = to_int64s(inputs[0]);
  const std::vector<int64_t> zeros =
      has_input(inputs, 2) ? to_int64s(inputs[2]) : std::vector<int64_t>(inputs[1].size(), 0);
  const Widened<double> scale(inputs[1]);
  return {narrowed<double>(inputs[1].dtype(), inputs[0].shape(), [&](double* y) {
    for (size_t i = 0; i < x.size(); ++i) {
      const int64_t k = index.index_of(static_cast<int64_t>(i));
      y[i] = static_cast<double>(x[i] - zeros[k]) * scale[k];
    }
  })};
}

}  // namespace tendon
