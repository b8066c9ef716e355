// Reshape to the shape that the second input holds; 0 copies a dimension, -1 is inferred.
#pragma once

#include "ops/op.h"

namespace tendon {

struct Reshape : SingleType<Reshape> {
  static constexpr std::string_view kOnnxType = "Reshape";
  bool allowzero = false;
  static constexpr auto kFields = std::tuple{Field{"allowzero", &Reshape::allowzero}};
  bool operator==(const Reshape&) const = default;
  std::vector<TensorType> infer(Arguments arguments) const;
  std::vector<Tensor> reference(std::span<const Tensor> inputs) const;

 private:
  Shape target(const Shape& input, std::span<const int64_t> wanted) const;
};
static_assert(Operator<Reshape>);

}  // namespace tendon
