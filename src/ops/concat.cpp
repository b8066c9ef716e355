#include "ops/concat.h"

#include "ops/checks.h"
#include "ops/elements.h"

namespace tendon {

Concat Concat::from_onnx(const OnnxNode& node) {
  Concat op;
  op.axis = node.require<int64_t>("axis");
  return op;
}

std::vector<TensorType> Concat::infer(Arguments arguments) const {
  const TensorType& first = require_input(arguments, 0, "inputs").type;
  const int along = normalize_axis(axis, first.shape.rank());
  Shape shape = first.shape;
  for (size_t i = 1; i < arguments.size(); ++i) {
    const Shape& other = require_type(arguments, i, "inputs", first.dtype).type.shape;
    bool fits = other.rank() == shape.rank();
    for (int k = 0; fits && k < shape.rank(); ++k) fits = k == along || other[k] == shape[k];
    if (!fits) {
      fail_input("input {} has shape {}, input 0 {}; they may differ along axis {} only", i, other,
                 first.shape, along);
    }
    shape[along] = checked_sum(shape[along], other[along]);
  }
  return {{first.dtype, shape}};
}

std::vector<Tensor> Concat::reference(std::span<const Tensor> inputs) const {
  const int along = normalize_axis(axis, inputs[0].rank());
  Shape shape = inputs[0].shape();
  shape[along] = 0;
  for (const Tensor& input : inputs) shape[along] += input.shape()[along];
  Tensor result(inputs[0].dtype(), shape);
  const AxisSplit split = split_at(shape, along);
  const size_t width = static_cast<size_t>(split.inner) * size_of(result.dtype());
  auto* to = static_cast<std::byte*>(result.mutable_raw());
  for (int64_t outer = 0; outer < split.outer; ++outer) {
    for (const Tensor& input : inputs) {
      const size_t bytes = static_cast<size_t>(input.shape()[along]) * width;
      if (bytes == 0) continue;
      std::memcpy(to, static_cast<const std::byte*>(input.raw()) + outer * bytes, bytes);
      to += bytes;
    }
  }
  return {result};
}

}  // namespace tendon
