// Gather: slices of `data` along `axis`, chosen by a tensor of indices.
#pragma once

#include "ops/op.h"

namespace tendon {

struct Gather : SingleType<Gather> {
  static constexpr std::string_view kOnnxType = "Gather";
  int64_t axis = 0;
  static constexpr auto kFields = std::tuple{Field{"axis", &Gather::axis}};
  bool operator==(const Gather&) const = default;
  std::vector<TensorType> infer(Arguments arguments) const;
  /// Throws Error{kBadInput} for an index outside [-n, n).
  std::vector<Tensor> reference(std::span<const Tensor> inputs) const;

 private:
  Shape result_shape(const Shape& data, const Shape& indices) const;
};
static_assert(Operator<Gather>);

}  // namespace tendon
