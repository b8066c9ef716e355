// Softmax along the last axis.
#include "base/simd.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backends/cpu/softmax.cpp"
#include <hwy/foreach_target.h>

#include "backends/cpu/kernels.h"
#include "backends/cpu/simd_math-inl.h"
#include "backends/cpu/support.h"

HWY_BEFORE_NAMESPACE();
namespace tendon::cpu {
namespace HWY_NAMESPACE {

void softmax_row(const float* x, float* y, int64_t n) {
  const hn::ScalableTag<float> d;
  using V = hn::Vec<decltype(d)>;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  const int64_t whole = n / lanes * lanes;

  V largest = hn::Set(d, x[0]);
  for (int64_t i = 0; i < whole; i += lanes) largest = hn::Max(largest, hn::LoadU(d, x + i));
  float maximum = hn::GetLane(hn::MaxOfLanes(d, largest));
  for (int64_t i = whole; i < n; ++i) maximum = std::max(maximum, x[i]);

  const V shift = hn::Set(d, maximum);
  V sums = hn::Zero(d);
  for (int64_t i = 0; i < whole; i += lanes) {
    const V e = exp_nonpositive(d, hn::Sub(hn::LoadU(d, x + i), shift));
    sums = hn::Add(sums, e);
    hn::StoreU(e, d, y + i);
  }
  float sum = hn::GetLane(hn::SumOfLanes(d, sums));
  if (whole < n) {
    const V e = exp_nonpositive(d, hn::Sub(load_partial(d, x + whole, n - whole), shift));
    store_partial(d, e, y + whole, n - whole);
    for (int64_t i = whole; i < n; ++i) sum += y[i];
  }
  const V factor = hn::Set(d, 1.0f / sum);
  map_vectors(d, y, y, n, [factor](V v) HWY_ATTR { return hn::Mul(v, factor); });
}

}  // namespace HWY_NAMESPACE
}  // namespace tendon::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tendon::cpu {
HWY_EXPORT(softmax_row);
namespace {

class SoftmaxKernel final : public Kernel {
 public:
  explicit SoftmaxKernel(const Shape& shape)
      : row_(&HWY_DYNAMIC_DISPATCH(softmax_row)),
        rows_(extent(shape, 0, shape.rank() - 1)),
        columns_(shape.back()) {}
  void run(const KernelArguments& arguments) const override {
    const float* x = floats(arguments, 0);
    float* y = output_floats(arguments);
    parallel_for(rows_, rows_per_task(columns_), [&](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; ++row)
        row_(x + row * columns_, y + row * columns_, columns_);
    });
  }
  int in_place_input() const override { return 0; }

 private:
  void (*row_)(const float*, float*, int64_t);
  int64_t rows_;
  int64_t columns_;
};

}  // namespace

Offer make_softmax(const Softmax& op, const KernelRequest& request) {
  if (auto declined = unless_float32(request)) return *declined;
  const Shape& shape = request.input_shape(0);
  if (normalize_axis(op.axis, shape.rank()) != shape.rank() - 1) {
    return decline("needs the last axis, got axis={} of rank {}", op.axis, shape.rank());
  }
  return std::make_unique<SoftmaxKernel>(shape);
}

}  // namespace tendon::cpu
#endif
