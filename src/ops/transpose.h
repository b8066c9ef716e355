// Transpose: output axis i is input axis perm[i]; without perm the axes are reversed.
#pragma once

#include "ops/op.h"

namespace tendon {

struct Transpose : SingleType<Transpose> {
  static constexpr std::string_view kOnnxType = "Transpose";
  std::vector<int64_t> perm;
  static constexpr auto kFields = std::tuple{Field{"perm", &Transpose::perm}};
  bool operator==(const Transpose&) const = default;
  std::vector<TensorType> infer(Arguments arguments) const;
  std::vector<Tensor> reference(std::span<const Tensor> inputs) const;

  /// perm with the default filled in. Throws Error{kBadInput} unless it is a permutation.
  std::vector<int64_t> permutation(int rank) const;
};
static_assert(Operator<Transpose>);

}  // namespace tendon
