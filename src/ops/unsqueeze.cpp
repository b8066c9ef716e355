#include "ops/unsqueeze.h"

#include <algorithm>

#include "ops/checks.h"

namespace tendon {
namespace {

Shape unsqueezed(const Shape& input, std::span<const int64_t> wanted) {
  const size_t rank = static_cast<size_t>(input.rank()) + wanted.size();
  if (rank > Shape::kMaxRank) {
    fail_input("{} new axes on shape {} give {} dimensions, at most {} are supported",
               wanted.size(), input, rank, Shape::kMaxRank);
  }
  const std::vector<int> axes = normalize_axes(wanted, static_cast<int>(rank));
  Shape shape;
  int next = 0;
  for (int i = 0; i < static_cast<int>(rank); ++i) {
    shape.push_back(std::ranges::binary_search(axes, i) ? 1 : input[next++]);
  }
  return shape;
}

}  // namespace

std::vector<TensorType> Unsqueeze::infer(Arguments arguments) const {
  const TensorType& data = require_input(arguments, 0, "data").type;
  return {{data.dtype, unsqueezed(data.shape, require_int64s(arguments, 1, "axes"))}};
}

std::vector<Tensor> Unsqueeze::reference(std::span<const Tensor> inputs) const {
  return {inputs[0].reshaped(unsqueezed(inputs[0].shape(), to_int64s(inputs[1])))};
}

}  // namespace tendon
