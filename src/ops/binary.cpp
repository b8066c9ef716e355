#include "ops/binary.h"

#include <algorithm>
#include <cmath>

#include "base/data_type.h"
#include "ops/broadcast.h"

namespace tendon {
namespace {

struct Row {
  BinaryKind kind;
  std::string_view type;
  double (*on_doubles)(double, double);
  int64_t (*on_integers)(int64_t, int64_t);
};

int64_t divide(int64_t a, int64_t b) {
  if (b == 0) fail_input("integer division by zero");
  // The one quotient that overflows wraps as two's complement does.
  return b == -1 ? static_cast<int64_t>(0 - static_cast<uint64_t>(a)) : a / b;
}
// Integers wrap as two's complement does, without undefined behaviour.
int64_t add(int64_t a, int64_t b) {
  return static_cast<int64_t>(static_cast<uint64_t>(a) + static_cast<uint64_t>(b));
}
int64_t subtract(int64_t a, int64_t b) {
  return static_cast<int64_t>(static_cast<uint64_t>(a) - static_cast<uint64_t>(b));
}
int64_t multiply(int64_t a, int64_t b) {
  return static_cast<int64_t>(static_cast<uint64_t>(a) * static_cast<uint64_t>(b));
}
int64_t power(int64_t a, int64_t b) {
  return static_cast<int64_t>(std::pow(static_cast<double>(a), static_cast<double>(b)));
}

constexpr Row kRows[] = {
    {BinaryKind::kAdd, "Add", [](double a, double b) { return a + b; }, add},
    {BinaryKind::kSub, "Sub", [](double a, double b) { return a - b; }, subtract},
    {BinaryKind::kMul, "Mul", [](double a, double b) { return a * b; }, multiply},
    {BinaryKind::kDiv, "Div", [](double a, double b) { return a / b; }, divide},
    {BinaryKind::kPow, "Pow", [](double a, double b) { return std::pow(a, b); }, power},
};

const Row* find_type(std::string_view type) {
  const auto* found = std::ranges::find(kRows, type, &Row::type);
  return found == std::end(kRows) ? nullptr : found;
}

const Row& row_of(BinaryKind kind) { return *std::ranges::find(kRows, kind, &Row::kind); }

template <class T, class Function>
Tensor apply(const Tensor& a, const Tensor& b, const Shape& shape, DataType dtype,
             Function function) {
  const Tensor wide_a = cast(a, kDataTypeOf<T>);
  const Tensor wide_b = cast(b, kDataTypeOf<T>);
  const auto x = wide_a.data<T>();
  const auto y = wide_b.data<T>();
  Tensor wide(kDataTypeOf<T>, shape);
  const auto result = wide.template mutable_data<T>();
  for_each_broadcast<2>(shape,
                        {broadcast_strides(a.shape(), shape), broadcast_strides(b.shape(), shape)},
                        [&](int64_t index, const auto& offsets) {
                          result[index] = function(x[offsets[0]], y[offsets[1]]);
                        });
  return cast(wide, dtype);
}

}  // namespace

std::string_view Binary::onnx_type() const { return row_of(kind).type; }

bool Binary::accepts(std::string_view type) { return find_type(type) != nullptr; }

Binary Binary::from_onnx(const OnnxNode& node) { return {find_type(node.type)->kind}; }

std::vector<TensorType> Binary::infer(Arguments arguments) const {
  const Argument& a = require_input(arguments, 0, "A");
  const Argument& b = require_input(arguments, 1, "B");
  if (a.type.dtype != b.type.dtype && kind != BinaryKind::kPow) {
    fail_input("inputs are {} and {}, expected one type", a.type, b.type);
  }
  return {{a.type.dtype, broadcast(a.type.shape, b.type.shape)}};
}

std::vector<Tensor> Binary::reference(std::span<const Tensor> inputs) const {
  const Shape shape = broadcast(inputs[0].shape(), inputs[1].shape());
  const DataType dtype = inputs[0].dtype();
  const Row& row = row_of(kind);
  if (is_floating(dtype) || is_floating(inputs[1].dtype())) {
    return {apply<double>(inputs[0], inputs[1], shape, dtype, row.on_doubles)};
  }
  return {apply<int64_t>(inputs[0], inputs[1], shape, dtype, row.on_integers)};
}

}  // namespace tendon
