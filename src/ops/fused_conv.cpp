#include "ops/fused_conv.h"

#include <algorithm>

#include "ops/transpose.h"

namespace tendon {
namespace {

std::vector<int64_t> to_channels_last(int rank) {
  std::vector<int64_t> perm{0};
  for (int axis = 2; axis < rank; ++axis) perm.push_back(axis);
  perm.push_back(1);
  return perm;
}

std::vector<int64_t> to_channels_first(int rank) {
  std::vector<int64_t> perm{0, rank - 1};
  for (int axis = 1; axis < rank - 1; ++axis) perm.push_back(axis);
  return perm;
}

Shape permuted(const Shape& shape, std::span<const int64_t> perm) {
  Shape result;
  for (const int64_t axis : perm) result.push_back(shape[static_cast<int>(axis)]);
  return result;
}

Tensor permuted(const Tensor& tensor, std::vector<int64_t> perm) {
  return Transpose{{}, std::move(perm)}.reference({&tensor, 1})[0];
}

}  // namespace

Conv FusedConv::conv() const { return {{}, static_cast<const WindowAttributes&>(*this), group}; }

std::vector<WindowAxis> FusedConv::axes(const Shape& input, const Shape& weight) const {
  return conv().axes(channels_last ? permuted(input, to_channels_first(input.rank())) : input,
                     weight);
}

std::vector<TensorType> FusedConv::infer(Arguments arguments) const {
  require_known(activation);
  const Argument& x = require_input(arguments, 0, "X");
  std::vector<Argument> plain(arguments.begin(),
                              arguments.begin() + std::min<size_t>(arguments.size(), 3));
  const int rank = x.type.shape.rank();
  if (channels_last && rank >= 3) {
    plain[0].type.shape = permuted(x.type.shape, to_channels_first(rank));
  }
  TensorType y = conv().infer(plain)[0];
  if (channels_last) y.shape = permuted(y.shape, to_channels_last(rank));
  if (has_input(arguments, 3) && arguments[3].type != y) {
    fail_input("residual is {}, expected {}", arguments[3].type, y);
  }
  return {y};
}

std::vector<Tensor> FusedConv::reference(std::span<const Tensor> inputs) const {
  const int rank = inputs[0].rank();
  std::vector<Tensor> wide;
  for (const Tensor& input : inputs) {
    wide.push_back(input.defined() ? cast(input, DataType::kFloat64) : Tensor());
  }
  if (channels_last) wide[0] = permuted(wide[0], to_channels_first(rank));
  Tensor y = conv().reference(std::span(wide).first(std::min<size_t>(wide.size(), 3)))[0];
  if (channels_last) y = permuted(y, to_channels_last(rank));
  const auto values = y.mutable_data<double>();
  if (has_input(wide, 3)) {
    const auto residual = wide[3].data<double>();
    for (size_t i = 0; i < values.size(); ++i) values[i] += residual[i];
  }
  for (double& value : values) value = apply(activation, value);
  return {cast(y, inputs[0].dtype())};
}

}  // namespace tendon
