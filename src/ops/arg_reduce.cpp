#include "ops/arg_reduce.h"

#include "ops/checks.h"
#include "ops/elements.h"
#include "ops/fields.h"
#include "ops/wide.h"

namespace tendon {

ArgReduce ArgReduce::from_onnx(const OnnxNode& node) {
  ArgReduce op = read_fields<ArgReduce>(node);
  op.kind = node.type == "ArgMax" ? ArgReduceKind::kMax : ArgReduceKind::kMin;
  return op;
}

Shape ArgReduce::result_shape(const Shape& data) const {
  const int along = normalize_axis(axis, data.rank());
  Shape shape;
  for (int i = 0; i < data.rank(); ++i) {
    if (i != along) shape.push_back(data[i]);
    if (i == along && keepdims) shape.push_back(1);
  }
  return shape;
}

std::vector<TensorType> ArgReduce::infer(Arguments arguments) const {
  const Shape& data = require_numeric(arguments, 0, "data").type.shape;
  const Shape shape = result_shape(data);
  if (data[normalize_axis(axis, data.rank())] == 0) {
    fail_input("has no elements along axis {} of {}", axis, data);
  }
  return {{DataType::kInt64, shape}};
}

std::vector<Tensor> ArgReduce::reference(std::span<const Tensor> inputs) const {
  const Shape& data = inputs[0].shape();
  const AxisSplit split = split_at(data, normalize_axis(axis, data.rank()));
  Tensor result(DataType::kInt64, result_shape(data));
  int64_t* place = result.mutable_data<int64_t>().data();
  visit_wide(inputs[0].dtype(), [&](auto wide) {
    using Wide = decltype(wide);
    const Widened<Wide> x(inputs[0]);
    const auto wins = [&](Wide a, Wide b) {
      if (a != a || b != b) return a != a && (b == b || select_last_index);
      if (a == b) return select_last_index;
      return (a > b) == (kind == ArgReduceKind::kMax);
    };
    for (int64_t outer = 0; outer < split.outer; ++outer) {
      for (int64_t inner = 0; inner < split.inner; ++inner, ++place) {
        const int64_t first = outer * split.count * split.inner + inner;
        *place = 0;
        for (int64_t k = 1; k < split.count; ++k) {
          if (wins(x[first + k * split.inner], x[first + *place * split.inner])) *place = k;
        }
      }
    }
  });
  return {result};
}

}  // namespace tendon
