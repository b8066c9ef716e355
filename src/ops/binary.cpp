#include "ops/binary.h"

#include <algorithm>
#include <cmath>

#include "ops/broadcast.h"
#include "ops/checks.h"
#include "ops/wide.h"

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
int64_t power(int64_t a, int64_t b) {
  if (b < 0) {
    if (a == 0) fail_input("integer division by zero");
    return a == 1 || a == -1 ? (b % 2 == 0 ? 1 : a) : 0;
  }
  int64_t result = 1;
  for (; b > 0; b /= 2, a = wrapping_product(a, a)) {
    if (b % 2 == 1) result = wrapping_product(result, a);
  }
  return result;
}
double parametric_relu(double a, double slope) { return a < 0 ? slope * a : a; }
int64_t parametric_relu(int64_t a, int64_t slope) { return a < 0 ? wrapping_product(slope, a) : a; }
/// Shifts by all bits and more leave nothing but the sign.
bool shifts_out(int64_t by) { return by < 0 || by > 63; }
int64_t shift_left(int64_t a, int64_t b) {
  return shifts_out(b) ? 0 : static_cast<int64_t>(static_cast<uint64_t>(a) << b);
}
int64_t shift_right(int64_t a, int64_t b) { return a >> (shifts_out(b) ? 63 : b); }

constexpr Row kRows[] = {
    {BinaryKind::kAdd, "Add", wrapping_sum, wrapping_sum},
    {BinaryKind::kSub, "Sub", [](double a, double b) { return a - b; },
     [](int64_t a, int64_t b) { return wrapping_sum(a, wrapping_product(b, -1)); }},
    {BinaryKind::kMul, "Mul", wrapping_product, wrapping_product},
    {BinaryKind::kDiv, "Div", [](double a, double b) { return a / b; }, divide},
    {BinaryKind::kPow, "Pow", [](double a, double b) { return std::pow(a, b); }, power},
    {BinaryKind::kPRelu, "PRelu", parametric_relu, parametric_relu},
    {BinaryKind::kShiftLeft, "BitShift", nullptr, shift_left},
    {BinaryKind::kShiftRight, "BitShift", nullptr, shift_right},
    {BinaryKind::kBitwiseAnd, "BitwiseAnd", nullptr, [](int64_t a, int64_t b) { return a & b; }},
    {BinaryKind::kBitwiseOr, "BitwiseOr", nullptr, [](int64_t a, int64_t b) { return a | b; }},
    {BinaryKind::kBitwiseXor, "BitwiseXor", nullptr, [](int64_t a, int64_t b) { return a ^ b; }},
};

constexpr std::string_view kDirection = "direction";

const Row* find_type(std::string_view type) {
  const auto* found = std::ranges::find(kRows, type, &Row::type);
  return found == std::end(kRows) ? nullptr : found;
}

const Row& row_of(BinaryKind kind) { return *std::ranges::find(kRows, kind, &Row::kind); }

template <class Wide, class Function>
Tensor apply(std::span<const Tensor> inputs, Function function) {
  const Shape shape = broadcast(inputs[0].shape(), inputs[1].shape());
  const Widened<Wide> a(inputs[0]);
  const Widened<Wide> b(inputs[1]);
  return narrowed<Wide>(inputs[0].dtype(), shape, [&](Wide* y) {
    for_each_broadcast<2>(
        shape,
        {broadcast_strides(inputs[0].shape(), shape), broadcast_strides(inputs[1].shape(), shape)},
        [&](int64_t index, const auto& offsets) {
          y[index] = function(a[offsets[0]], b[offsets[1]]);
        });
  });
}

}  // namespace

std::string_view Binary::onnx_type() const { return row_of(kind).type; }

bool Binary::accepts(std::string_view type) { return find_type(type) != nullptr; }

Binary Binary::from_onnx(const OnnxNode& node) {
  const BinaryKind kind = find_type(node.type)->kind;
  if (kind != BinaryKind::kShiftLeft) return {kind};
  const std::string direction = node.get<std::string>(kDirection, "LEFT");
  if (direction != "LEFT" && direction != "RIGHT") {
    fail_input("attribute 'direction' is '{}', expected LEFT or RIGHT", direction);
  }
  return {direction == "LEFT" ? kind : BinaryKind::kShiftRight};
}

Attributes Binary::attributes() const {
  if (kind == BinaryKind::kShiftLeft) return {{std::string(kDirection), "LEFT"}};
  if (kind == BinaryKind::kShiftRight) return {{std::string(kDirection), "RIGHT"}};
  return {};
}

std::vector<TensorType> Binary::infer(Arguments arguments) const {
  const TensorType& a = require_numeric(arguments, 0, "A").type;
  const TensorType& b = require_numeric(arguments, 1, "B").type;
  if (a.dtype != b.dtype && kind != BinaryKind::kPow) {
    fail_input("inputs are {} and {}, expected one type", a, b);
  }
  if (row_of(kind).on_doubles == nullptr) require_integer(arguments, 0, "A");
  if (kind == BinaryKind::kPRelu) require_broadcastable(arguments[1], "slope", a.shape);
  return {{a.dtype, broadcast(a.shape, b.shape)}};
}

std::vector<Tensor> Binary::reference(std::span<const Tensor> inputs) const {
  const Row& row = row_of(kind);
  if (is_floating(inputs[0].dtype()) || is_floating(inputs[1].dtype())) {
    return {apply<double>(inputs, row.on_doubles)};
  }
  return {apply<int64_t>(inputs, row.on_integers)};
}

}  // namespace tendon
