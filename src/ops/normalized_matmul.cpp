#include "ops/normalized_matmul.h"

#include "ops/residual_rows.h"
#include "ops/wide.h"

namespace tendon {

FusedMatMul NormalizedMatMul::product() const {
  FusedMatMul product;
  product.trans_b = trans_b;
  product.alpha = alpha;
  return product;
}

LayerNormalization NormalizedMatMul::norm() const {
  LayerNormalization norm;
  norm.epsilon = epsilon;
  return norm;
}

std::vector<TensorType> NormalizedMatMul::infer(Arguments arguments) const {
  require_input(arguments, kScale, "scale");
  const int64_t columns = arguments[kScale].type.shape.element_count();
  std::vector<Argument> factors(arguments.begin(), arguments.begin() + kScale);
  factors[3] = residual_rows(factors[3], columns);
  const TensorType y = product().infer(factors)[0];
  std::vector<Argument> normed{{y, nullptr, true}};
  normed.insert(normed.end(), arguments.begin() + kScale, arguments.end());
  require_output_format(codes_dtype, codes_scale);
  std::vector<TensorType> outputs{norm().infer(normed)[0]};
  if (!is_floating(codes_dtype)) outputs.push_back({codes_dtype, y.shape});
  return outputs;
}

std::vector<Tensor> NormalizedMatMul::reference(std::span<const Tensor> inputs) const {
  std::vector<Tensor> wide;
  for (const Tensor& input : inputs) {
    wide.push_back(input.defined() ? cast(input, DataType::kFloat64) : Tensor());
  }
  wide[3] = residual_rows(wide[3], wide[kScale].shape().element_count());
  std::vector<Tensor> normed{product().reference(std::span(wide).first(kScale))[0]};
  normed.insert(normed.end(), wide.begin() + kScale, wide.end());
  const Tensor y = norm().reference(normed)[0];
  std::vector<Tensor> outputs{cast(y, inputs[0].dtype())};
  if (!is_floating(codes_dtype)) {
    outputs.push_back(requantized(to_doubles(y), y.shape(), codes_dtype, codes_scale));
  }
  return outputs;
}

}  // namespace tendon
