#include "ops/log_softmax.h"

#include "ops/binary.h"
#include "ops/checks.h"
#include "ops/reduce.h"

namespace tendon {

std::vector<TensorType> LogSoftmax::infer(Arguments arguments) const {
  const Argument& input = require_floating(arguments, 0, "input");
  normalize_axis(axis, input.type.shape.rank());
  return {input.type};
}

std::vector<Tensor> LogSoftmax::reference(std::span<const Tensor> inputs) const {
  const Tensor wide = cast(inputs[0], DataType::kFloat64);
  const Tensor reduced[] = {wide, Tensor::from<int64_t>(Shape{1}, {axis})};
  const Tensor sums = Reduce{ReduceKind::kLogSumExp}.reference(reduced)[0];
  const Tensor both[] = {wide, sums};
  return {cast(Binary{BinaryKind::kSub}.reference(both)[0], inputs[0].dtype())};
}

}  // namespace tendon
