#include "ops/add_layer_normalization.h"

#include "ops/binary.h"
#include "ops/layer_normalization.h"

namespace tendon {

std::vector<TensorType> AddLayerNormalization::infer(Arguments arguments) const {
  const Argument& x = require_input(arguments, 0, "x");
  const Argument& residual = require_input(arguments, 1, "residual");
  if (residual.type != x.type) {
    fail_input("residual is {}, expected {}", residual.type, x.type);
  }
  std::vector<Argument> plain{x};
  plain.insert(plain.end(), arguments.begin() + 2, arguments.end());
  return {LayerNormalization{{}, axis, epsilon}.infer(plain)[0]};
}

std::vector<Tensor> AddLayerNormalization::reference(std::span<const Tensor> inputs) const {
  std::vector<Tensor> wide;
  for (const Tensor& input : inputs) {
    wide.push_back(input.defined() ? cast(input, DataType::kFloat64) : Tensor());
  }
  std::vector<Tensor> plain{Binary{BinaryKind::kAdd}.reference(std::span(wide).first(2))[0]};
  plain.insert(plain.end(), wide.begin() + 2, wide.end());
  const Tensor y = LayerNormalization{{}, axis, epsilon}.reference(plain)[0];
  return {cast(y, inputs[0].dtype())};
}

}  // namespace tendon
