#include "ops/cast.h"

#include "ops/onnx_type.h"

namespace tendon {

Cast Cast::from_onnx(const OnnxNode& node) {
  Cast op;
  op.to = data_type_from_onnx(node.require<int64_t>("to"));
  op.saturate = node.get<int64_t>("saturate", 1) != 0;
  return op;
}

std::vector<TensorType> Cast::infer(Arguments arguments) const {
  return {{to, require_input(arguments, 0, "input").type.shape}};
}

std::vector<Tensor> Cast::reference(std::span<const Tensor> inputs) const {
  return {cast(inputs[0], to)};
}

std::vector<TensorType> CastLike::infer(Arguments arguments) const {
  return {{require_input(arguments, 1, "target_type").type.dtype,
           require_input(arguments, 0, "input").type.shape}};
}

std::vector<Tensor> CastLike::reference(std::span<const Tensor> inputs) const {
  return {cast(inputs[0], inputs[1].dtype())};
}

std::optional<std::vector<Tensor>> CastLike::value_from_types(Arguments arguments) const {
  if (arguments[0].value == nullptr) return std::nullopt;
  return {{cast(*arguments[0].value, arguments[1].type.dtype)}};
}

}  // namespace tendon
