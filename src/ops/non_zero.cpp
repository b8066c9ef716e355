#include "ops/non_zero.h"

#include <algorithm>

#include "ops/broadcast.h"

namespace tendon {
namespace {

/// Row-major numbers of the elements that are not zero.
std::vector<int64_t> places_of(const Tensor& x) {
  const std::vector<double> values = to_doubles(x);
  std::vector<int64_t> places;
  for (size_t i = 0; i < values.size(); ++i) {
    if (values[i] != 0) places.push_back(static_cast<int64_t>(i));
  }
  return places;
}

}  // namespace

std::vector<TensorType> NonZero::infer(Arguments arguments) const {
  const Tensor& x = require_known(arguments, 0, "X");
  return {{DataType::kInt64, Shape{std::max(x.rank(), 1), std::ssize(places_of(x))}}};
}

std::vector<Tensor> NonZero::reference(std::span<const Tensor> inputs) const {
  const Tensor& x = inputs[0];
  const std::vector<int64_t> places = places_of(x);
  const Strides strides = row_major_strides(x.shape());
  Tensor result(DataType::kInt64, Shape{std::max(x.rank(), 1), std::ssize(places)});
  int64_t* y = result.mutable_data<int64_t>().data();
  for (int axis = 0; axis < x.rank(); ++axis) {
    for (const int64_t place : places) {
      *y++ = place / strides[static_cast<size_t>(axis)] % x.shape()[axis];
    }
  }
  return {result};
}

}  // namespace tendon
