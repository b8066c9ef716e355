#include "ops/transpose.h"

#include <algorithm>
#include <numeric>

#include "ops/elements.h"

namespace tendon {

std::vector<int64_t> Transpose::permutation(int rank) const {
  std::vector<int64_t> identity(static_cast<size_t>(rank));
  std::iota(identity.begin(), identity.end(), 0);
  if (perm.empty()) return {identity.rbegin(), identity.rend()};
  if (!std::ranges::is_permutation(perm, identity)) {
    fail_input("attribute 'perm' is {}, expected a permutation of {} axes", perm, rank);
  }
  return perm;
}

std::vector<TensorType> Transpose::infer(Arguments arguments) const {
  const Argument& data = require_input(arguments, 0, "data");
  Shape shape;
  for (const int64_t axis : permutation(data.type.shape.rank())) {
    shape.push_back(data.type.shape[static_cast<int>(axis)]);
  }
  return {{data.type.dtype, shape}};
}

std::vector<Tensor> Transpose::reference(std::span<const Tensor> inputs) const {
  const Strides own = row_major_strides(inputs[0].shape());
  Shape shape;
  Strides strides{};
  for (const int64_t axis : permutation(inputs[0].rank())) {
    strides[static_cast<size_t>(shape.rank())] = own[static_cast<size_t>(axis)];
    shape.push_back(inputs[0].shape()[static_cast<int>(axis)]);
  }
  return {copy_strided(inputs[0], shape, strides)};
}

}  // namespace tendon
