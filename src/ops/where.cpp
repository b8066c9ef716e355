#include "ops/where.h"

#include "ops/checks.h"
#include "ops/elements.h"

namespace tendon {

std::vector<TensorType> Where::infer(Arguments arguments) const {
  const TensorType& condition = require_type(arguments, 0, "condition", DataType::kBool).type;
  const TensorType& x = require_input(arguments, 1, "X").type;
  const TensorType& y = require_type(arguments, 2, "Y", x.dtype).type;
  const Shape shapes[] = {condition.shape, x.shape, y.shape};
  return {{x.dtype, broadcast(shapes)}};
}

std::vector<Tensor> Where::reference(std::span<const Tensor> inputs) const {
  const Shape shapes[] = {inputs[0].shape(), inputs[1].shape(), inputs[2].shape()};
  const Shape shape = broadcast(shapes);
  const bool* condition = inputs[0].data<bool>().data();
  Tensor result(inputs[1].dtype(), shape);
  visit_width(result.dtype(), [&](auto word) {
    using Word = decltype(word);
    const Word* x = static_cast<const Word*>(inputs[1].raw());
    const Word* y = static_cast<const Word*>(inputs[2].raw());
    Word* to = static_cast<Word*>(result.mutable_raw());
    for_each_broadcast<3>(shape,
                          {broadcast_strides(shapes[0], shape), broadcast_strides(shapes[1], shape),
                           broadcast_strides(shapes[2], shape)},
                          [&](int64_t index, const auto& offsets) {
                            to[index] = condition[offsets[0]] ? x[offsets[1]] : y[offsets[2]];
                          });
  });
  return {result};
}

}  // namespace tendon
