// Elementwise functions of one float32 tensor.
#include "base/simd.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backends/cpu/unary.cpp"
#include <hwy/foreach_target.h>

#include "backends/cpu/kernels.h"
#include "backends/cpu/simd_math-inl.h"
#include "backends/cpu/support.h"

namespace tendon::cpu {
using UnaryFunction = void (*)(const float* x, float* y, int64_t n);
}  // namespace tendon::cpu
HWY_BEFORE_NAMESPACE();
namespace tendon::cpu {
namespace HWY_NAMESPACE {

using D = hn::ScalableTag<float>;
using V = hn::Vec<D>;

template <auto kFunction>
void apply(const float* x, float* y, int64_t n) {
  const D d;
  map_vectors(d, x, y, n, [d](V v) HWY_ATTR { return kFunction(d, v); });
}

UnaryFunction unary_function(UnaryKind kind) {
  switch (kind) {
    case UnaryKind::kRelu: return apply<[](D d, V v) HWY_ATTR { return at_least(d, v, 0.0f); }>;
    case UnaryKind::kSqrt: return apply<[](D, V v) HWY_ATTR { return hn::Sqrt(v); }>;
    case UnaryKind::kExp: return apply<[](D d, V v) HWY_ATTR { return exp_full(d, v); }>;
    case UnaryKind::kErf: return apply<[](D d, V v) HWY_ATTR { return erf(d, v); }>;
    case UnaryKind::kNeg: return apply<[](D, V v) HWY_ATTR { return hn::Neg(v); }>;
    case UnaryKind::kSigmoid: return apply<[](D d, V v) HWY_ATTR { return sigmoid(d, v); }>;
    case UnaryKind::kTanh: return apply<[](D d, V v) HWY_ATTR { return tanh(d, v); }>;
    case UnaryKind::kGelu: return apply<[](D d, V v) HWY_ATTR { return gelu(d, v); }>;
    default: return nullptr;
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace tendon::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tendon::cpu {
HWY_EXPORT(unary_function);
namespace {

class UnaryKernel final : public Kernel {
 public:
  UnaryKernel(UnaryFunction function, int64_t count) : function_(function), count_(count) {}
  void run(const KernelArguments& arguments) const override {
    const float* x = floats(arguments, 0);
    float* y = output_floats(arguments);
    parallel_for(count_, kElementsPerTask,
                 [&](int64_t begin, int64_t end) { function_(x + begin, y + begin, end - begin); });
  }
  int in_place_input() const override { return 0; }

 private:
  UnaryFunction function_;
  int64_t count_;
};

}  // namespace

Offer make_unary(const Unary& op, const KernelRequest& request) {
  if (auto declined = unless_float32(request)) return *declined;
  const UnaryFunction function = HWY_DYNAMIC_DISPATCH(unary_function)(op.kind);
  if (function == nullptr) return decline("no vector code for {}", op.onnx_type());
  return std::make_unique<UnaryKernel>(function, request.outputs[0].shape.element_count());
}

}  // namespace tendon::cpu
#endif
