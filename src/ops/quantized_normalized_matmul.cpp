#include "ops/quantized_normalized_matmul.h"

#include "ops/checks.h"
#include "ops/residual_rows.h"
#include "ops/wide.h"

namespace tendon {

std::vector<TensorType> QuantizedNormalizedMatMul::infer(Arguments arguments) const {
  const DataType type = require_input(arguments, kNormScale, "norm_scale").type.dtype;
  if (type != DataType::kFloat32 && type != DataType::kFloat16 && type != DataType::kBFloat16) {
    fail_input("norm_scale is {}, expected float32, float16 or bfloat16", type);
  }
  const int64_t columns = arguments[kNormScale].type.shape.element_count();
  std::vector<Argument> factors(arguments.begin(), arguments.begin() + kNormScale);
  factors[4] = residual_rows(factors[4], columns);
  const TensorType y = product(type).infer(factors)[0];
  if (has_input(arguments, 4)) require_type(arguments, 4, "residual", type);
  std::vector<Argument> normed{{y, nullptr, true}};
  normed.insert(normed.end(), arguments.begin() + kNormScale, arguments.end());
  require_output_format(codes_dtype, codes_scale);
  std::vector<TensorType> outputs{norm().infer(normed)[0]};
  if (!is_floating(codes_dtype)) outputs.push_back({codes_dtype, y.shape});
  return outputs;
}

std::vector<Tensor> QuantizedNormalizedMatMul::reference(std::span<const Tensor> inputs) const {
  std::vector<Tensor> factors(inputs.begin(), inputs.begin() + kNormScale);
  factors[4] = residual_rows(factors[4], inputs[kNormScale].shape().element_count());
  const Tensor sums = product(DataType::kFloat32).reference(factors)[0];
  std::vector<Tensor> normed{cast(sums, DataType::kFloat64)};
  for (const Tensor& input : inputs.subspan(kNormScale)) {
    normed.push_back(input.defined() ? cast(input, DataType::kFloat64) : Tensor());
  }
  const Tensor y = norm().reference(normed)[0];
  std::vector<Tensor> outputs{cast(y, inputs[kNormScale].dtype())};
  if (!is_floating(codes_dtype)) {
    outputs.push_back(requantized(to_doubles(y), y.shape(), codes_dtype, codes_scale));
  }
  return outputs;
}

}  // namespace tendon
