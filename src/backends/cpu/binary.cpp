// Elementwise arithmetic of two broadcast float32 tensors.
#include "base/simd.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backends/cpu/binary.cpp"
#include <hwy/foreach_target.h>

#include "backends/cpu/binary.h"
#include "backends/cpu/kernels.h"
#include "backends/cpu/loop_nest.h"
#include "backends/cpu/simd_math-inl.h"
#include "backends/cpu/support.h"

HWY_BEFORE_NAMESPACE();
namespace tendon::cpu {
namespace HWY_NAMESPACE {
using D = hn::ScalableTag<float>;
using V = hn::Vec<D>;

template <auto kFunction>
void apply(const float* a, int64_t step_a, const float* b, int64_t step_b, float* y, int64_t n) {
  const D d;
  if (step_a == 0) {
    const V left = hn::Set(d, *a);
    if (step_b == 0) {
      const V both = kFunction(left, hn::Set(d, *b));
      return map_vectors(d, y, y, n, [both](V) HWY_ATTR { return both; });
    }
    return map_vectors(d, b, y, n, [left](V v) HWY_ATTR { return kFunction(left, v); });
  }
  if (step_b == 0) {
    const V right = hn::Set(d, *b);
    return map_vectors(d, a, y, n, [right](V v) HWY_ATTR { return kFunction(v, right); });
  }
  map_vectors(d, a, b, y, n, [](V v, V w) HWY_ATTR { return kFunction(v, w); });
}

BinaryFunction binary_function(BinaryKind kind) {
  switch (kind) {
    case BinaryKind::kAdd: return apply<[](V a, V b) HWY_ATTR { return hn::Add(a, b); }>;
    case BinaryKind::kSub: return apply<[](V a, V b) HWY_ATTR { return hn::Sub(a, b); }>;
    case BinaryKind::kMul: return apply<[](V a, V b) HWY_ATTR { return hn::Mul(a, b); }>;
    case BinaryKind::kDiv: return apply<[](V a, V b) HWY_ATTR { return hn::Div(a, b); }>;
    default: return nullptr;
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace tendon::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tendon::cpu {
HWY_EXPORT(binary_function);
namespace {

class BinaryKernel final : public Kernel {
 public:
  BinaryKernel(BinaryFunction function, const KernelRequest& request)
      : function_(function),
        loops_(broadcast_loops<2>(request.outputs[0].shape,
                                  {request.input_shape(0), request.input_shape(1)})),
        in_place_(request.input_shape(0) == request.outputs[0].shape) {}

  void run(const KernelArguments& arguments) const override {
    const float* a = floats(arguments, 0);
    const float* b = floats(arguments, 1);
    float* y = output_floats(arguments);
    const int64_t n = loops_.inner();
    const int64_t step_a = loops_.inner_stride(0);
    const int64_t step_b = loops_.inner_stride(1);
    if (loops_.rows() == 1) {
      parallel_for(n, kElementsPerTask, [&](int64_t begin, int64_t end) {
        function_(a + begin * step_a, step_a, b + begin * step_b, step_b, y + begin, end - begin);
      });
      return;
    }
    parallel_for(loops_.rows(), rows_per_task(n), [&](int64_t begin, int64_t end) {
      loops_.for_rows(begin, end, [&](int64_t row, const std::array<int64_t, 2>& offsets) {
        function_(a + offsets[0], step_a, b + offsets[1], step_b, y + row * n, n);
      });
    });
  }
  int in_place_input() const override { return in_place_ ? 0 : -1; }

 private:
  BinaryFunction function_;
  LoopNest<2> loops_;
  bool in_place_;
};

}  // namespace

BinaryFunction vector_function(BinaryKind kind) {
  return HWY_DYNAMIC_DISPATCH(binary_function)(kind);
}

Offer make_binary(const Binary& op, const KernelRequest& request) {
  if (auto declined = unless_float32(request)) return *declined;
  const BinaryFunction function = vector_function(op.kind);
  if (function == nullptr) return decline("no vector code for {}", op.onnx_type());
  return std::make_unique<BinaryKernel>(function, request);
}

}  // namespace tendon::cpu
#endif
