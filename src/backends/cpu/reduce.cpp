// Reductions over the last axes.
#include "base/simd.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backends/cpu/reduce.cpp"
#include <hwy/foreach_target.h>

#include <limits>

#include "backends/cpu/kernels.h"
#include "backends/cpu/simd_math-inl.h"
#include "backends/cpu/support.h"

namespace tendon::cpu {
using ReduceFunction = float (*)(const float* x, int64_t n);
}  // namespace tendon::cpu
HWY_BEFORE_NAMESPACE();
namespace tendon::cpu {
namespace HWY_NAMESPACE {

using D = hn::ScalableTag<float>;
using V = hn::Vec<D>;

/// Lanes beyond the end of x count as `neutral`.
template <auto kCombine>
HWY_INLINE V combine_all(const float* x, int64_t n, float neutral) {
  const D d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  V result = hn::Set(d, neutral);
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes) result = kCombine(result, hn::LoadU(d, x + i));
  if (i < n) {
    const auto inside = hn::FirstN(d, static_cast<size_t>(n - i));
    const V rest = hn::IfThenElse(inside, load_partial(d, x + i, n - i), hn::Set(d, neutral));
    result = kCombine(result, rest);
  }
  return result;
}

float reduce_sum(const float* x, int64_t n) {
  const V sums = combine_all<[](V a, V b) HWY_ATTR { return hn::Add(a, b); }>(x, n, 0.0f);
  return hn::GetLane(hn::SumOfLanes(D(), sums));
}

ReduceFunction reduce_function(ReduceKind kind) {
  switch (kind) {
    case ReduceKind::kSum: return reduce_sum;
    case ReduceKind::kMean:
      return [](const float* x, int64_t n)
                 HWY_ATTR { return reduce_sum(x, n) / static_cast<float>(n); };
    case ReduceKind::kSumSquare:
      return [](const float* x, int64_t n) HWY_ATTR {
        const V sums = combine_all<[](V a, V b) HWY_ATTR { return hn::MulAdd(b, b, a); }>(x, n, 0);
        return hn::GetLane(hn::SumOfLanes(D(), sums));
      };
    default: return nullptr;
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace tendon::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tendon::cpu {
HWY_EXPORT(reduce_function);
namespace {

class ReduceKernel final : public Kernel {
 public:
  ReduceKernel(ReduceFunction function, int64_t rows, int64_t columns)
      : function_(function), rows_(rows), columns_(columns) {}
  void run(const KernelArguments& arguments) const override {
    const float* x = floats(arguments, 0);
    float* y = output_floats(arguments);
    parallel_for(rows_, rows_per_task(columns_), [&](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; ++row) y[row] = function_(x + row * columns_, columns_);
    });
  }

 private:
  ReduceFunction function_;
  int64_t rows_;
  int64_t columns_;
};

}  // namespace

Offer make_reduce(const Reduce& op, const KernelRequest& request) {
  const Argument& x = request.inputs[0];
  if (x.type.dtype != DataType::kFloat32) return decline("needs float32, got {}", x.type.dtype);
  const Shape& shape = x.type.shape;
  if (shape.element_count() == 0) return decline("the input is empty");
  const ReduceFunction function = HWY_DYNAMIC_DISPATCH(reduce_function)(op.kind);
  if (function == nullptr) return decline("no vector code for {}", op.onnx_type());
  const bool has_axes = request.has_input(1);
  if (has_axes && request.inputs[1].value == nullptr) return decline("needs known axes");
  const std::vector<int64_t> axes =
      has_axes ? to_int64s(*request.inputs[1].value) : std::vector<int64_t>{};
  const std::vector<int> reduced = op.reduced_axes(axes, shape.rank());
  int64_t columns = 1;
  for (size_t i = 0; i < reduced.size(); ++i) {
    const int expected = shape.rank() - static_cast<int>(reduced.size() - i);
    if (reduced[i] != expected) return decline("needs the last axes, got axis {}", reduced[i]);
    columns *= shape[expected];
  }
  return std::make_unique<ReduceKernel>(function, shape.element_count() / columns, columns);
}

}  // namespace tendon::cpu
#endif
