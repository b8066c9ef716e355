// The types in which references compute: double for floating tensors, int64 for all others.
#pragma once

#include "base/data_type.h"

namespace tendon {

/// function(double{}) or function(int64_t{}).
template <class Function>
decltype(auto) visit_wide(DataType type, Function&& function) {
  return is_floating(type) ? function(double{}) : function(int64_t{});
}

/// Sums and products; whole numbers wrap as two's complement does, without undefined behaviour.
inline double wrapping_sum(double a, double b) { return a + b; }
inline double wrapping_product(double a, double b) { return a * b; }
inline int64_t wrapping_sum(int64_t a, int64_t b) {
  return static_cast<int64_t>(static_cast<uint64_t>(a) + static_cast<uint64_t>(b));
}
inline int64_t wrapping_product(int64_t a, int64_t b) {
  return static_cast<int64_t>(static_cast<uint64_t>(a) * static_cast<uint64_t>(b));
}

/// A tensor as Wide, kept alive with its elements.
template <class Wide>
class Widened {
 public:
  explicit Widened(const Tensor& tensor)
      : tensor_(cast(tensor, kDataTypeOf<Wide>)), data_(tensor_.data<Wide>().data()) {}
  const Wide* data() const { return data_; }
  Wide operator[](int64_t index) const { return data_[index]; }

 private:
  Tensor tensor_;
  const Wide* data_;
};

/// The result of shape `shape`, computed by fill(Wide* elements) and then rounded to `type`.
template <class Wide, class Fill>
Tensor narrowed(DataType type, const Shape& shape, Fill&& fill) {
  Tensor result(kDataTypeOf<Wide>, shape);
  fill(result.mutable_data<Wide>().data());
  return cast(result, type);
}

}  // namespace tendon
