#include "ops/layer_normalization_matmul.h"

#include "ops/checks.h"
#include "ops/fused_matmul.h"
#include "ops/layer_normalization.h"

namespace tendon {

std::vector<TensorType> LayerNormalizationMatMul::infer(Arguments arguments) const {
  const Shape& x = require_floating(arguments, 0, "X").type.shape;
  const Argument& b = require_floating(arguments, 1, "B");
  require_rank(b, "B", 2);
  const Shape y = FusedMatMul{}.output_shape(x, b.type.shape);
  const auto require_row = [&](size_t index, std::string_view name, int64_t width) {
    if (!has_input(arguments, index)) return;
    require_shape(require_type(arguments, index, name, b.type.dtype), name, Shape{width});
  };
  require_row(2, "bias", y.back());
  require_row(kScale, "scale", x.back());
  require_row(kScale + 1, "shift", x.back());
  if (has_input(arguments, kScale + 1)) require_input(arguments, kScale, "scale");
  return {{b.type.dtype, y}};
}

std::vector<Tensor> LayerNormalizationMatMul::reference(std::span<const Tensor> inputs) const {
  std::vector<Tensor> wide;
  for (const Tensor& input : inputs) {
    wide.push_back(input.defined() ? cast(input, DataType::kFloat64) : Tensor());
  }
  Tensor rows = wide[0];
  if (has_input(inputs, kScale)) {
    std::vector<Tensor> first{rows};
    first.insert(first.end(), wide.begin() + kScale, wide.end());
    rows = LayerNormalization{.epsilon = first_epsilon}.reference(first)[0];
  }
  const std::vector<Tensor> last{rows, Tensor::scalar(1.0)};
  std::vector<Tensor> factors{LayerNormalization{.epsilon = epsilon}.reference(last)[0], wide[1]};
  if (has_input(inputs, 2)) factors.push_back(wide[2]);
  return {cast(FusedMatMul{}.reference(factors)[0], inputs[1].dtype())};
}

}  // namespace tendon
