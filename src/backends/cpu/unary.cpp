// Elementwise functions of one float32 tensor, and Clip.
#include "base/simd.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backends/cpu/unary.cpp"
#include <hwy/foreach_target.h>

#include <cmath>

#include "backends/cpu/kernels.h"
#include "backends/cpu/simd_math-inl.h"
#include "backends/cpu/support.h"
#include "backends/cpu/unary.h"

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

/// log(1 + e) for e in [0, 1], as twice the inverse hyperbolic tangent of e / (2 + e).
HWY_INLINE V log1p_unit(D d, V e) {
  const V s = hn::Div(e, hn::Add(e, hn::Set(d, 2.0f)));
  const V series = polynomial(d, hn::Mul(s, s), 2.0f / 15, 2.0f / 13, 2.0f / 11, 2.0f / 9, 2.0f / 7,
                              2.0f / 5, 2.0f / 3, 2.0f);
  return hn::Mul(s, series);
}

/// log(1 + e^x)
HWY_INLINE V softplus(D d, V x) {
  const V e = exp_full(d, hn::Neg(hn::Abs(x)));
  return hn::Add(at_least(d, x, 0.0f), log1p_unit(d, e));
}

/// x sigmoid(2 sqrt(2/pi) (x + 0.044715 x^3)), which is Gelu's approximation by tanh.
HWY_INLINE V gelu_tanh(D d, V x) {
  const V inner =
      hn::MulAdd(hn::Mul(x, x), hn::Set(d, 0.0713548162726f), hn::Set(d, 1.59576912161f));
  return hn::Mul(x, sigmoid(d, hn::Mul(x, inner)));
}

/// e^x - 1 for x <= 0.
HWY_INLINE V expm1_nonpositive(D d, V x) {
  const V far = hn::Sub(exp_full(d, x), hn::Set(d, 1.0f));
  const V near = hn::Mul(x, polynomial(d, x, 1.0f / 40320, 1.0f / 5040, 1.0f / 720, 1.0f / 120,
                                       1.0f / 24, 1.0f / 6, 0.5f, 1.0f));
  return hn::IfThenElse(hn::Gt(x, hn::Set(d, -0.5f)), near, far);
}

void elu(const float* x, float* y, int64_t n, float alpha, float) {
  const D d;
  map_vectors(d, x, y, n, [=](V v) HWY_ATTR {
    const V low = hn::Mul(hn::Set(d, alpha), expm1_nonpositive(d, v));
    return hn::IfThenElse(hn::Lt(v, hn::Zero(d)), low, v);
  });
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
    case UnaryKind::kElu: return elu;
    case UnaryKind::kGeluTanh: return apply<[](D d, V v) HWY_ATTR { return gelu_tanh(d, v); }>;
    case UnaryKind::kSoftplus: return apply<[](D d, V v) HWY_ATTR { return softplus(d, v); }>;
    case UnaryKind::kFloor: return apply<[](D, V v) HWY_ATTR { return hn::Floor(v); }>;
    case UnaryKind::kCeil: return apply<[](D, V v) HWY_ATTR { return hn::Ceil(v); }>;
    case UnaryKind::kReciprocal:
      return apply<[](D d, V v) HWY_ATTR { return hn::Div(hn::Set(d, 1.0f), v); }>;
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

UnaryFunction vector_function(UnaryKind kind) { return HWY_DYNAMIC_DISPATCH(unary_function)(kind); }

Offer make_unary(const Unary& op, const KernelRequest& request) {
  if (auto declined = unless_float32(request)) return *declined;
  const UnaryFunction function = vector_function(op.kind);
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
