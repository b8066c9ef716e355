// Concat: the inputs one after the other along `axis`.
#pragma once

#include "ops/op.h"

namespace tendon {

struct Concat : SingleType<Concat> {
  static constexpr std::string_view kOnnxType = "Concat";
  int64_t axis = 0;
  static constexpr auto kFields = std::tuple{Field{"axis", &Concat::axis}};
  bool operator==(const Concat&) const = default;
  static Concat from_onnx(const OnnxNode& node);
  std::vector<TensorType> infer(Arguments arguments) const;
  std::vector<Tensor> reference(std::span<const Tensor> inputs) const;
};
static_assert(Operator<Concat>);

}  // namespace tendon
