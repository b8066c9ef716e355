#include "ops/quantize_linear.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "ops/checks.h"
#include "ops/onnx_type.h"
#include "ops/scale_axis.h"
#include "ops/wide.h"

namespace tendon {
namespace {

void require_quantized(DataType type) {
  if (type != DataType::kInt8 && type != DataType::kUInt8 && type != DataType::kInt16) {
    fail_input("the quantized type is {}, expected int8, uint8 or int16", type);
  }
}

}  // namespace

std::vector<TensorType> QuantizeLinear::infer(Arguments arguments) const {
  require_scale(arguments, axis, block_size);
  const TensorType& x = require_numeric(arguments, 0, "x").type;
  DataType type = output_dtype == 0 ? DataType::kUInt8 : data_type_from_onnx(output_dtype);
  if (has_input(arguments, 2)) {
    if (output_dtype != 0) require_type(arguments, 2, "y_zero_point", type);
    type = arguments[2].type.dtype;
  }
  require_quantized(type);
  return {{type, x.shape}};
}

std::vector<Tensor> QuantizeLinear::reference(std::span<const Tensor> inputs) const {
  DataType type = output_dtype == 0 ? DataType::kUInt8 : data_type_from_onnx(output_dtype);
  if (has_input(inputs, 2)) type = inputs[2].dtype();
  const ScaleIndex index(inputs[0].shape(), inputs[1], axis);
  // The quotient is rounded to float as the definition has it: a double would break ties
  // differently.
  const Tensor x = cast(inputs[0], DataType::kFloat32);
  const Tensor scale = cast(inputs[1], DataType::kFloat32);
  const std::vector<int64_t> zeros =
      has_input(inputs, 2) ? to_int64s(inputs[2]) : std::vector<int64_t>(inputs[1].size(), 0);
  Tensor result(type, inputs[0].shape());
  visit_type(type, [&](auto tag) {
    using T = typename decltype(tag)::type;
    if constexpr (std::is_integral_v<T>) {
      const auto y = result.mutable_data<T>();
      for (int64_t i = 0; i < inputs[0].size(); ++i) {
        const int64_t k = index.index_of(i);
        const double rounded = std::nearbyint(x.data<float>()[i] / scale.data<float>()[k]) +
                               static_cast<double>(zeros[k]);
        const auto low = static_cast<double>(std::numeric_limits<T>::lowest());
        const auto high = static_cast<double>(std::numeric_limits<T>::max());
        y[i] = std::isnan(rounded) ? T{0} : static_cast<T>(std::clamp(rounded, low, high));
      }
    }
  });
  return {result};
}

}  // namespace tendon
