// NonZero: the places of all elements that are not zero.
#pragma once

#include "ops/op.h"

namespace tendon {

/// The result, int64 of shape (rank, count), depends on the elements, so they must be known when
/// the engine is built.
struct NonZero : SingleType<NonZero> {
  static constexpr std::string_view kOnnxType = "NonZero";
  static constexpr auto kFields = kNoFields;
  bool operator==(const NonZero&) const = default;
  std::vector<TensorType> infer(Arguments arguments) const;
  std::vector<Tensor> reference(std::span<const Tensor> inputs) const;
};
static_assert(Operator<NonZero>);

}  // namespace tendon
