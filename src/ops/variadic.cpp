#include "ops/variadic.h"

#include <algorithm>

#include "ops/broadcast.h"
#include "ops/checks.h"
#include "ops/wide.h"

namespace tendon {
namespace {

struct Row {
  VariadicKind kind;
  std::string_view type;
  double (*on_doubles)(double, double);
  int64_t (*on_integers)(int64_t, int64_t);

  double join(double a, double b) const { return on_doubles(a, b); }
  int64_t join(int64_t a, int64_t b) const { return on_integers(a, b); }
};

template <class Function>
constexpr Row row(VariadicKind kind, std::string_view type, Function) {
  return {kind, type, [](double a, double b) { return Function{}(a, b); },
          [](int64_t a, int64_t b) { return Function{}(a, b); }};
}

// x != x holds for NaN only, which has to win.
constexpr auto kLarger = [](auto a, auto x) { return x > a || x != x ? x : a; };
constexpr auto kSmaller = [](auto a, auto x) { return x < a || x != x ? x : a; };

constexpr Row kRows[] = {
    row(VariadicKind::kMax, "Max", kLarger),
    row(VariadicKind::kMin, "Min", kSmaller),
    row(VariadicKind::kSum, "Sum", std::plus<>{}),
    row(VariadicKind::kMean, "Mean", std::plus<>{}),
};

const Row* find_type(std::string_view type) {
  const auto* found = std::ranges::find(kRows, type, &Row::type);
  return found == std::end(kRows) ? nullptr : found;
}

const Row& row_of(VariadicKind kind) { return *std::ranges::find(kRows, kind, &Row::kind); }

}  // namespace

std::string_view Variadic::onnx_type() const { return row_of(kind).type; }

bool Variadic::accepts(std::string_view type) { return find_type(type) != nullptr; }

Variadic Variadic::from_onnx(const OnnxNode& node) { return {find_type(node.type)->kind}; }

std::vector<TensorType> Variadic::infer(Arguments arguments) const {
  const bool compares = kind == VariadicKind::kMax || kind == VariadicKind::kMin;
  const TensorType& first = compares ? require_numeric(arguments, 0, "data_0").type
                                     : require_floating(arguments, 0, "data_0").type;
  std::vector<Shape> shapes;
  for (size_t i = 0; i < arguments.size(); ++i) {
    shapes.push_back(require_type(arguments, i, fmt::format("data_{}", i), first.dtype).type.shape);
  }
  return {{first.dtype, broadcast(shapes)}};
}

std::vector<Tensor> Variadic::reference(std::span<const Tensor> inputs) const {
  std::vector<Shape> shapes;
  for (const Tensor& input : inputs) shapes.push_back(input.shape());
  const Shape shape = broadcast(shapes);
  return {visit_wide(inputs[0].dtype(), [&](auto wide) {
    using Wide = decltype(wide);
    return narrowed<Wide>(inputs[0].dtype(), shape, [&](Wide* y) {
      for (size_t i = 0; i < inputs.size(); ++i) {
        const Widened<Wide> x(inputs[i]);
        for_each_broadcast<1>(shape, {broadcast_strides(shapes[i], shape)},
                              [&](int64_t index, const auto& offsets) {
                                const Wide value = x[offsets[0]];
                                y[index] = i == 0 ? value : row_of(kind).join(y[index], value);
                              });
      }
      if (kind != VariadicKind::kMean) return;
      const Wide count = static_cast<Wide>(inputs.size());
      for (int64_t i = 0; i < shape.element_count(); ++i) y[i] /= count;
    });
  })};
}

}  // namespace tendon
