#include "ops/reduce.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "ops/broadcast.h"
#include "ops/checks.h"
#include "ops/wide.h"

namespace tendon {
namespace {

/// result = finish(step(… step(start, x0) …), how many)
template <class Wide>
struct Fold {
  Wide start;
  Wide (*step)(Wide, Wide);
  Wide (*finish)(Wide, int64_t);
};

struct Row {
  ReduceKind kind;
  std::string_view type;
  Fold<double> on_doubles;
  Fold<int64_t> on_integers;

  const Fold<double>& fold(double) const { return on_doubles; }
  const Fold<int64_t>& fold(int64_t) const { return on_integers; }
};

template <class Step, class Finish>
constexpr Row row(ReduceKind kind, std::string_view type, double start, int64_t integer_start, Step,
                  Finish) {
  return {
      kind,
      type,
      {start, [](double sum, double x) { return Step{}(sum, x); },
       [](double sum, int64_t count) { return Finish{}(sum, static_cast<double>(count)); }},
      {integer_start, [](int64_t sum, int64_t x) { return static_cast<int64_t>(Step{}(sum, x)); },
       [](int64_t sum, int64_t count) { return static_cast<int64_t>(Finish{}(sum, count)); }}};
}

constexpr auto kAdd = [](auto sum, auto x) { return wrapping_sum(sum, x); };
constexpr auto kAddAbsolute = [](auto sum, auto x) {
  return wrapping_sum(sum, x < 0 ? wrapping_product(x, decltype(x){-1}) : x);
};
constexpr auto kAddSquare = [](auto sum, auto x) {
  return wrapping_sum(sum, wrapping_product(x, x));
};
constexpr auto kMultiply = [](auto product, auto x) { return wrapping_product(product, x); };
// x != x holds for NaN only, which has to win.
constexpr auto kLarger = [](auto a, auto x) { return x > a || x != x ? x : a; };
constexpr auto kSmaller = [](auto a, auto x) { return x < a || x != x ? x : a; };
constexpr auto kAddExponential = [](auto sum, auto x) {
  return static_cast<double>(sum) + std::exp(static_cast<double>(x));
};
constexpr auto kAsIs = [](auto sum, auto) { return sum; };
constexpr auto kDivide = [](auto sum, auto count) { return sum / count; };
constexpr auto kRoot = [](auto sum, auto) { return std::sqrt(static_cast<double>(sum)); };
constexpr auto kLogarithm = [](auto sum, auto) { return std::log(static_cast<double>(sum)); };

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr int64_t kLowest = std::numeric_limits<int64_t>::lowest();
constexpr int64_t kHighest = std::numeric_limits<int64_t>::max();

constexpr Row kRows[] = {
    row(ReduceKind::kMean, "ReduceMean", 0, 0, kAdd, kDivide),
    row(ReduceKind::kSum, "ReduceSum", 0, 0, kAdd, kAsIs),
    row(ReduceKind::kMax, "ReduceMax", -kInfinity, kLowest, kLarger, kAsIs),
    row(ReduceKind::kMin, "ReduceMin", kInfinity, kHighest, kSmaller, kAsIs),
    row(ReduceKind::kProd, "ReduceProd", 1, 1, kMultiply, kAsIs),
    row(ReduceKind::kSumSquare, "ReduceSumSquare", 0, 0, kAddSquare, kAsIs),
    row(ReduceKind::kL1, "ReduceL1", 0, 0, kAddAbsolute, kAsIs),
    row(ReduceKind::kL2, "ReduceL2", 0, 0, kAddSquare, kRoot),
    row(ReduceKind::kLogSum, "ReduceLogSum", 0, 0, kAdd, kLogarithm),
    row(ReduceKind::kLogSumExp, "ReduceLogSumExp", 0, 0, kAddExponential, kLogarithm),
};

const Row* find_type(std::string_view type) {
  const auto* found = std::ranges::find(kRows, type, &Row::type);
  return found == std::end(kRows) ? nullptr : found;
}

const Row& row_of(ReduceKind kind) { return *std::ranges::find(kRows, kind, &Row::kind); }

Shape with_ones(Shape shape, std::span<const int> axes) {
  for (const int axis : axes) shape[axis] = 1;
  return shape;
}

Shape without(const Shape& shape, std::span<const int> axes) {
  Shape result;
  for (int i = 0; i < shape.rank(); ++i) {
    if (!std::ranges::binary_search(axes, i)) result.push_back(shape[i]);
  }
  return result;
}

/// One result for each element of `kept`, which is `shape` with reduced axes of size 1.
template <class Wide>
std::vector<Wide> folded(const Wide* x, const Shape& shape, const Shape& kept,
                         const Fold<Wide>& fold) {
  std::vector<Wide> results(kept.element_count(), fold.start);
  for_each_broadcast<1>(shape, {broadcast_strides(kept, shape)},
                        [&](int64_t index, const auto& offsets) {
                          Wide& result = results[offsets[0]];
                          result = fold.step(result, x[index]);
                        });
  const int64_t count = results.empty() ? 0 : shape.element_count() / kept.element_count();
  for (Wide& result : results) result = fold.finish(result, count);
  return results;
}

/// log(sum(exp(x))) shifted by the largest x so that no exponential overflows.
std::vector<double> log_sum_exp(std::vector<double> x, const Shape& shape, const Shape& kept) {
  std::vector<double> shifts = folded(x.data(), shape, kept, row_of(ReduceKind::kMax).on_doubles);
  for (double& shift : shifts) shift = std::isfinite(shift) ? shift : 0;
  for_each_broadcast<1>(
      shape, {broadcast_strides(kept, shape)},
      [&](int64_t index, const auto& offsets) { x[index] -= shifts[offsets[0]]; });
  std::vector<double> results =
      folded(x.data(), shape, kept, row_of(ReduceKind::kLogSumExp).on_doubles);
  std::ranges::transform(results, shifts, results.begin(), std::plus<>{});
  return results;
}

}  // namespace

std::string_view Reduce::onnx_type() const { return row_of(kind).type; }

bool Reduce::accepts(std::string_view type) { return find_type(type) != nullptr; }

Reduce Reduce::from_onnx(const OnnxNode& node) {
  return {find_type(node.type)->kind, node.get<int64_t>("keepdims", 1) != 0,
          node.get<int64_t>("noop_with_empty_axes", 0) != 0};
}

std::vector<int> Reduce::reduced_axes(std::span<const int64_t> axes, int rank) const {
  if (!axes.empty()) return normalize_axes(axes, rank);
  std::vector<int> all(noop_with_empty_axes ? 0 : static_cast<size_t>(rank));
  std::iota(all.begin(), all.end(), 0);
  return all;
}

std::vector<TensorType> Reduce::infer(Arguments arguments) const {
  const bool takes_bool = kind == ReduceKind::kMax || kind == ReduceKind::kMin;
  const TensorType& data = takes_bool ? require_input(arguments, 0, "data").type
                                      : require_numeric(arguments, 0, "data").type;
  const auto given =
      has_input(arguments, 1) ? require_int64s(arguments, 1, "axes") : std::vector<int64_t>{};
  const std::vector<int> axes = reduced_axes(given, data.shape.rank());
  const Shape kept = with_ones(data.shape, axes);
  const bool over_nothing = data.shape.element_count() == 0 && kept.element_count() != 0;
  if (over_nothing && is_integer(data.dtype) && (takes_bool || kind == ReduceKind::kMean)) {
    fail_input("{} over no elements of {} has no value in {}", onnx_type(), data.shape, data.dtype);
  }
  return {{data.dtype, keepdims ? kept : without(data.shape, axes)}};
}

std::vector<Tensor> Reduce::reference(std::span<const Tensor> inputs) const {
  const Shape& shape = inputs[0].shape();
  const auto given = has_input(inputs, 1) ? to_int64s(inputs[1]) : std::vector<int64_t>{};
  const std::vector<int> axes = reduced_axes(given, shape.rank());
  const Shape kept = with_ones(shape, axes);
  const Shape result = keepdims ? kept : without(shape, axes);
  if (kind == ReduceKind::kLogSumExp) {
    const auto values = log_sum_exp(to_doubles(inputs[0]), shape, kept);
    return {cast(Tensor::from<double>(result, values), inputs[0].dtype())};
  }
  return {visit_wide(inputs[0].dtype(), [&](auto wide) {
    using Wide = decltype(wide);
    const Widened<Wide> x(inputs[0]);
    auto values = folded<Wide>(x.data(), shape, kept, row_of(kind).fold(wide));
    // The largest of no bool is false, the smallest true; the folds start at the extremes of int64.
    if (inputs[0].dtype() == DataType::kBool) {
      for (Wide& value : values) value = std::clamp<Wide>(value, 0, 1);
    }
    return cast(Tensor::from<Wide>(result, values), inputs[0].dtype());
  })};
}

}  // namespace tendon
