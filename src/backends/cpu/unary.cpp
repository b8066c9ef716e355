// Elementwise functions of one float32 tensor, and Clip.
#include "base/simd.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backends/cpu/unary.cpp"
#include <hwy/foreach_target.h>

#include <cmath>

#include "backends/cpu/kernels.h"
#include "backends/cpu/simd_math-inl.h"
#include "backends/cpu/support.h"

namespace tendon::cpu {
using UnaryFunction = void (*)(const float* x, float* y, int64_t n, float alpha, float beta);
}  // namespace tendon::cpu
HWY_BEFORE_NAMESPACE();
namespace tendon::cpu {
namespace HWY_NAMESPACE {

using D = hn::ScalableTag<float>;
using V = hn::Vec<D>;

template <auto kFunction>
void apply(const float* x, float* y, int64_t n, float, float) {
  const D d;
  map_vectors(d, x, y, n, [d](V v) HWY_ATTR { return kFunction(d, v); });
}

/// x held in [low, high], NaN kept.
HWY_INLINE V clamped(D d, V x, float low, float high) {
  const V limit = hn::Set(d, high);
  const V raised = at_least(d, x, low);
  return hn::IfThenElse(hn::Gt(raised, limit), limit, raised);
}

void clip(const float* x, float* y, int64_t n, float low, float high) {
  const D d;
  map_vectors(d, x, y, n, [=](V v) HWY_ATTR { return clamped(d, v, low, high); });
}

/// Clip(alpha x + beta, 0, 1)
HWY_INLINE V ramp(D d, V x, float alpha, float beta) {
  return clamped(d, hn::MulAdd(x, hn::Set(d, alpha), hn::Set(d, beta)), 0.0f, 1.0f);
}

void hard_sigmoid(const float* x, float* y, int64_t n, float alpha, float beta) {
  const D d;
  map_vectors(d, x, y, n, [=](V v) HWY_ATTR { return ramp(d, v, alpha, beta); });
}

void leaky_relu(const float* x, float* y, int64_t n, float alpha, float) {
  const D d;
  map_vectors(d, x, y, n, [=](V v) HWY_ATTR {
    return hn::IfThenElse(hn::Lt(v, hn::Zero(d)), hn::Mul(v, hn::Set(d, alpha)), v);
  });
}

/// x tanh(log(1 + e^x)), where tanh(log(a)) is (a^2 - 1) / (a^2 + 1); from 20 on it is x.
HWY_INLINE V mish(D d, V x) {
  const V e = exp_full(d, clamped(d, x, -104.0f, 20.0f));
  const V p = hn::Mul(e, hn::Add(e, hn::Set(d, 2.0f)));
  return hn::Mul(x, hn::Div(p, hn::Add(p, hn::Set(d, 2.0f))));
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
    case UnaryKind::kAbs: return apply<[](D, V v) HWY_ATTR { return hn::Abs(v); }>;
    case UnaryKind::kHardSigmoid: return hard_sigmoid;
    case UnaryKind::kHardSwish:
      return apply<[](D d, V v) HWY_ATTR { return hn::Mul(v, ramp(d, v, 1.0f / 6.0f, 0.5f)); }>;
    case UnaryKind::kLeakyRelu: return leaky_relu;
    case UnaryKind::kMish: return apply<[](D d, V v) HWY_ATTR { return mish(d, v); }>;
    default: return nullptr;
  }
}

UnaryFunction clip_function() { return clip; }

}  // namespace HWY_NAMESPACE
}  // namespace tendon::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tendon::cpu {
HWY_EXPORT(unary_function);
HWY_EXPORT(clip_function);
namespace {

class UnaryKernel final : public Kernel {
 public:
  UnaryKernel(UnaryFunction function, int64_t count, float alpha, float beta)
      : function_(function), count_(count), alpha_(alpha), beta_(beta) {}
  void run(const KernelArguments& arguments) const override {
    const float* x = floats(arguments, 0);
    float* y = output_floats(arguments);
    parallel_for(count_, kElementsPerTask, [&](int64_t begin, int64_t end) {
      function_(x + begin, y + begin, end - begin, alpha_, beta_);
    });
  }
  int in_place_input() const override { return 0; }

 private:
  UnaryFunction function_;
  int64_t count_;
  float alpha_;
  float beta_;
};

}  // namespace

Offer make_unary(const Unary& op, const KernelRequest& request) {
  if (auto declined = unless_float32(request)) return *declined;
  const UnaryFunction function = HWY_DYNAMIC_DISPATCH(unary_function)(op.kind);
  if (function == nullptr) return decline("no vector code for {}", op.onnx_type());
  return std::make_unique<UnaryKernel>(function, request.outputs[0].shape.element_count(), op.alpha,
                                       op.beta);
}

Offer make_clip(const Clip&, const KernelRequest& request) {
  if (auto declined = unless_float32(request)) return *declined;
  float bounds[2] = {-HUGE_VALF, HUGE_VALF};
  for (const size_t i : {size_t{1}, size_t{2}}) {
    if (!request.has_input(i)) continue;
    if (request.inputs[i].value == nullptr) return decline("needs constant bounds");
    bounds[i - 1] = request.inputs[i].value->data<float>()[0];
  }
  return std::make_unique<UnaryKernel>(HWY_DYNAMIC_DISPATCH(clip_function)(),
                                       request.outputs[0].shape.element_count(), bounds[0],
                                       bounds[1]);
}

}  // namespace tendon::cpu
#endif
