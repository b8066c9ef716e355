// Vectorised elementary functions in float32, accurate to about 2e-7 relative.

#if defined(TENDON_SIMD_MATH_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef TENDON_SIMD_MATH_INL_H
#undef TENDON_SIMD_MATH_INL_H
#else
#define TENDON_SIMD_MATH_INL_H
#endif

#include <hwy/highway.h>

#include "backends/cpu/floats-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tendon::cpu {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// first x^k + … + last by Horner's rule, k + 1 being the number of coefficients.
template <class D, class V = hn::Vec<D>, class... Coefficients>
HWY_INLINE V polynomial(D d, V x, float first, Coefficients... rest) {
  V sum = hn::Set(d, first);
  ((sum = hn::MulAdd(sum, x, hn::Set(d, rest))), ...);
  return sum;
}

/// The larger of x and low; NaN is kept, which Max does not do on every target.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V at_least(D d, V x, float low) {
  const V limit = hn::Set(d, low);
  return hn::IfThenElse(hn::Lt(x, limit), limit, x);
}

/// 2^n for integral n in [-126, 127].
template <class D, class V = hn::Vec<D>>
HWY_INLINE V power_of_two(D d, V n) {
  const hn::RebindToSigned<D> di;
  const auto biased =
      hn::Add(hn::ConvertTo(di, hn::IfThenElseZero(hn::Eq(n, n), n)), hn::Set(di, 127));
  return hn::BitCast(d, hn::ShiftLeft<23>(biased));
}

/// Splits exp(x) into a value near 1 and the exponent n of the power of two it is to be scaled by.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V exp_mantissa(D d, V x, V& n) {
  n = hn::Round(hn::Mul(x, hn::Set(d, 1.44269504089f)));
  // ln 2 in two parts, of which the first has so few bits that its product with n is exact.
  V r = hn::NegMulAdd(n, hn::Set(d, 0.693145751953125f), x);
  r = hn::NegMulAdd(n, hn::Set(d, 1.42860682030941723e-6f), r);
  const V p =
      polynomial(d, r, 0.0013814613f, 0.00836870984f, 0.0416683874f, 0.166665207f, 0.499999935f);
  return hn::Add(hn::MulAdd(hn::Mul(r, r), p, r), hn::Set(d, 1.0f));
}

/// exp(x) for x <= 0, which softmax needs: below -87 it is exp(-87) = 1.6e-38; NaN is kept (x86
/// gives the second operand of Max where one is NaN).
template <class D, class V = hn::Vec<D>>
HWY_INLINE V exp_nonpositive(D d, V x) {
  V n;
  const V mantissa = exp_mantissa(d, at_least(d, x, -87.0f), n);
  return hn::Mul(mantissa, power_of_two(d, n));
}

/// 2^x for x < 127; below -126 it is 2^-126; NaN is kept. Accurate to 1e-7.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V exp2_below_127(D d, V x) {
#if HWY_TARGET == HWY_AVX3
  // The second operand is taken where one is NaN.
  const V clamped{_mm512_max_ps(hn::Set(d, -126.0f).raw, x.raw)};
#else
  const V clamped = at_least(d, x, -126.0f);
#endif
  const V n = hn::Round(clamped);
  const V r = hn::Sub(clamped, n);
  const V p = polynomial(d, r, 0.00132647269f, 0.00967151266f, 0.0555073374f, 0.240222421f,
                         0.693146978f, 1.0f);
#if HWY_TARGET == HWY_AVX3
  return V{_mm512_scalef_ps(p.raw, n.raw)};
#else
  return hn::Mul(p, power_of_two(d, n));
#endif
}

/// exp(x) over the whole range: subnormal, zero and infinite results, NaN kept.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V exp_full(D d, V x) {
  const V clamped = hn::Min(hn::Max(x, hn::Set(d, -104.0f)), hn::Set(d, 89.0f));
  V n;
  const V mantissa = exp_mantissa(d, clamped, n);
  const V half = hn::Floor(hn::Mul(n, hn::Set(d, 0.5f)));
  const V result =
      hn::Mul(hn::Mul(mantissa, power_of_two(d, half)), power_of_two(d, hn::Sub(n, half)));
  return hn::IfThenElse(hn::IsNaN(x), x, result);
}

/// erf(x) for |x| <= 1.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V erf_near_zero(D d, V x) {
  return hn::Mul(x, polynomial(d, hn::Mul(x, x), 7.85386096e-05f, -0.000801019351f, 0.00518832767f,
                               -0.0268538119f, 0.112835851f, -0.376126258f, 1.12837917f));
}

/// 1 - erf(t) for t >= 1; 0 from 4 on, where it is below 2e-8.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V erf_complement(D d, V t) {
  const V q = polynomial(d, t, -0.000210642549f, 0.00318694131f, -0.022798446f, 0.105116114f,
                         0.635831497f, 1.12848003f);
  const V e = exp_nonpositive(d, hn::Neg(hn::Mul(t, q)));
  return hn::IfThenZeroElse(hn::Gt(t, hn::Set(d, 4.0f)), e);
}

template <class D, class V = hn::Vec<D>>
HWY_INLINE V erf(D d, V x) {
  const V t = hn::Abs(x);
  const V one = hn::Set(d, 1.0f);
  const V far = hn::CopySignToAbs(hn::Sub(one, erf_complement(d, t)), x);
  return hn::IfThenElse(hn::Gt(t, one), far, erf_near_zero(d, x));
}

/// x/2 (1 + erf(x/sqrt(2))).
template <class D, class V = hn::Vec<D>>
HWY_INLINE V gelu(D d, V x) {
  const V scaled = hn::Mul(x, hn::Set(d, 0.70710678118654752f));
  const V t = hn::Abs(scaled);
  const V half = hn::Set(d, 0.5f);
  const V one = hn::Set(d, 1.0f);
  const V tail = hn::Mul(half, erf_complement(d, t));
  const V far = hn::IfThenElse(hn::Lt(x, hn::Zero(d)), tail, hn::Sub(one, tail));
  const V near = hn::MulAdd(half, erf_near_zero(d, scaled), half);
  return hn::Mul(x, hn::IfThenElse(hn::Gt(t, one), far, near));
}

template <class D, class V = hn::Vec<D>>
HWY_INLINE V sigmoid(D d, V x) {
  const V one = hn::Set(d, 1.0f);
  return hn::Div(one, hn::Add(one, exp_full(d, hn::Neg(x))));
}

template <class D, class V = hn::Vec<D>>
HWY_INLINE V tanh(D d, V x) {
  const V t = hn::Abs(x);
  const V s = hn::Mul(x, x);
  const V p =
      polynomial(d, s, -0.00559101572f, 0.0205388196f, -0.0537096574f, 0.133310923f, -0.333332695f);
  const V near = hn::MulAdd(hn::Mul(x, s), p, x);
  const V one = hn::Set(d, 1.0f);
  const V two = hn::Set(d, 2.0f);
  const V e = exp_full(d, hn::Mul(two, t));
  const V far = hn::CopySignToAbs(hn::Sub(one, hn::Div(two, hn::Add(e, one))), x);
  return hn::IfThenElse(hn::Gt(t, hn::Set(d, 0.625f)), far, near);
}

}  // namespace HWY_NAMESPACE
}  // namespace tendon::cpu
HWY_AFTER_NAMESPACE();

#endif
