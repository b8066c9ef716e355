#include "ops/split.h"

#include <algorithm>
#include <numeric>

#include "ops/checks.h"
#include "ops/elements.h"
#include "ops/fields.h"

namespace tendon {
namespace {

void require_parts_of(std::span<const int64_t> parts, int64_t dim) {
  int64_t sum = 0;
  for (const int64_t part : parts) {
    if (part < 0) fail_input("'split' holds {}, expected >= 0", part);
    sum = checked_sum(sum, part);
  }
  if (sum != dim) {
    fail_input("'split' [{}] adds up to {}, the axis has {}", fmt::join(parts, ", "), sum, dim);
  }
}

}  // namespace

Split Split::from_onnx(const OnnxNode& node) {
  Split op = read_fields<Split>(node);
  const bool has_sizes = node.inputs.size() > 1 && !node.inputs[1].empty();
  if (op.num_outputs == 0 && !has_sizes) {
    op.num_outputs = static_cast<int64_t>(node.outputs.size());
  }
  return op;
}

std::vector<int64_t> Split::equal_parts(int64_t dim) const {
  // More outputs than a graph may have nodes cannot come from a sane model.
  if (num_outputs < 1 || num_outputs > 100'000) {
    fail_input("attribute 'num_outputs' is {}, expected 1 to 100000", num_outputs);
  }
  const int64_t part = dim / num_outputs + (dim % num_outputs != 0);
  std::vector<int64_t> parts(static_cast<size_t>(num_outputs), part);
  parts.back() = dim - part * (num_outputs - 1);
  if (parts.back() < 0) fail_input("an axis of {} cannot be cut into {}", dim, num_outputs);
  return parts;
}

std::vector<TensorType> Split::infer(Arguments arguments) const {
  const TensorType& input = require_input(arguments, 0, "input").type;
  const int along = normalize_axis(axis, input.shape.rank());
  const int64_t dim = input.shape[along];
  const std::vector<int64_t> parts =
      has_input(arguments, 1) ? require_int64s(arguments, 1, "split") : equal_parts(dim);
  require_parts_of(parts, dim);
  std::vector<TensorType> types;
  for (const int64_t part : parts) {
    types.push_back(input);
    types.back().shape[along] = part;
  }
  return types;
}

std::vector<Tensor> Split::reference(std::span<const Tensor> inputs) const {
  const Shape& shape = inputs[0].shape();
  const int along = normalize_axis(axis, shape.rank());
  const Strides strides = row_major_strides(shape);
  const std::vector<int64_t> parts =
      has_input(inputs, 1) ? to_int64s(inputs[1]) : equal_parts(shape[along]);
  std::vector<Tensor> results;
  int64_t start = 0;
  for (const int64_t part : parts) {
    Shape cut = shape;
    cut[along] = part;
    results.push_back(
        copy_strided(inputs[0], cut, strides, start * strides[static_cast<size_t>(along)]));
    start += part;
  }
  return results;
}

}  // namespace tendon
