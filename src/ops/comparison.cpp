#include "ops/comparison.h"

#include <algorithm>

#include "ops/broadcast.h"
#include "ops/checks.h"
#include "ops/wide.h"

namespace tendon {
namespace {

/// Which element types an operator takes.
enum class Takes { kAny, kNumeric, kBool };

struct Row {
  ComparisonKind kind;
  std::string_view type;
  Takes takes;
  bool (*on_doubles)(double, double);
  bool (*on_integers)(int64_t, int64_t);
};

template <class Function>
constexpr Row row(ComparisonKind kind, std::string_view type, Takes takes, Function) {
  return {kind, type, takes, [](double a, double b) { return Function{}(a, b); },
          [](int64_t a, int64_t b) { return Function{}(a, b); }};
}

constexpr Row kRows[] = {
    row(ComparisonKind::kEqual, "Equal", Takes::kAny, std::equal_to<>{}),
    row(ComparisonKind::kLess, "Less", Takes::kNumeric, std::less<>{}),
    row(ComparisonKind::kLessOrEqual, "LessOrEqual", Takes::kNumeric, std::less_equal<>{}),
    row(ComparisonKind::kGreater, "Greater", Takes::kNumeric, std::greater<>{}),
    row(ComparisonKind::kGreaterOrEqual, "GreaterOrEqual", Takes::kNumeric, std::greater_equal<>{}),
    row(ComparisonKind::kAnd, "And", Takes::kBool, std::logical_and<>{}),
    row(ComparisonKind::kOr, "Or", Takes::kBool, std::logical_or<>{}),
    row(ComparisonKind::kXor, "Xor", Takes::kBool, std::not_equal_to<>{}),
};

const Row* find_type(std::string_view type) {
  const auto* found = std::ranges::find(kRows, type, &Row::type);
  return found == std::end(kRows) ? nullptr : found;
}

const Row& row_of(ComparisonKind kind) { return *std::ranges::find(kRows, kind, &Row::kind); }

}  // namespace

std::string_view Comparison::onnx_type() const { return row_of(kind).type; }

bool Comparison::accepts(std::string_view type) { return find_type(type) != nullptr; }

Comparison Comparison::from_onnx(const OnnxNode& node) { return {find_type(node.type)->kind}; }

std::vector<TensorType> Comparison::infer(Arguments arguments) const {
  const Takes takes = row_of(kind).takes;
  const TensorType& a = takes == Takes::kNumeric ? require_numeric(arguments, 0, "A").type
                        : takes == Takes::kBool
                            ? require_type(arguments, 0, "A", DataType::kBool).type
                            : require_input(arguments, 0, "A").type;
  const TensorType& b = require_type(arguments, 1, "B", a.dtype).type;
  return {{DataType::kBool, broadcast(a.shape, b.shape)}};
}

std::vector<Tensor> Comparison::reference(std::span<const Tensor> inputs) const {
  const Shape shape = broadcast(inputs[0].shape(), inputs[1].shape());
  Tensor result(DataType::kBool, shape);
  bool* y = result.mutable_data<bool>().data();
  visit_wide(inputs[0].dtype(), [&](auto wide) {
    using Wide = decltype(wide);
    const Widened<Wide> a(inputs[0]);
    const Widened<Wide> b(inputs[1]);
    const Row& row = row_of(kind);
    for_each_broadcast<2>(
        shape,
        {broadcast_strides(inputs[0].shape(), shape), broadcast_strides(inputs[1].shape(), shape)},
        [&](int64_t index, const auto& offsets) {
          if constexpr (std::is_same_v<Wide, double>) {
            y[index] = row.on_doubles(a[offsets[0]], b[offsets[1]]);
          } else {
            y[index] = row.on_integers(a[offsets[0]], b[offsets[1]]);
          }
        });
  });
  return {result};
}

}  // namespace tendon
