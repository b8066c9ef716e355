// Softmax along one axis (opset 13 semantics; older nodes are expanded by the importer).
#pragma once

#include "ops/op.h"

namespace tendon {

struct Softmax : SingleType<Softmax> {
  static constexpr std::string_view kOnnxType = "Softmax";
  int64_t axis = -1;
  static constexpr auto kFields = std::tuple{Field{"axis", &Softmax::axis}};
  bool operator==(const Softmax&) const = default;
  std::vector<TensorType> infer(Arguments arguments) const;
  std::vector<Tensor> reference(std::span<const Tensor> inputs) const;
};
static_assert(Operator<Softmax>);

}  // namespace tendon
