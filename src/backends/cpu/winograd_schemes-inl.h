// Winograd's minimal filtering of 3x3 windows (Lavin and Gray, arXiv:1509.09308), as line by line
// in both directions.
#if defined(TENDON_WINOGRAD_SCHEMES_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef TENDON_WINOGRAD_SCHEMES_INL_H_
#undef TENDON_WINOGRAD_SCHEMES_INL_H_
#else
#define TENDON_WINOGRAD_SCHEMES_INL_H_
#endif

#include "backends/cpu/floats-inl.h"
#include "backends/cpu/winograd.h"

HWY_BEFORE_NAMESPACE();
namespace tendon::cpu {
namespace HWY_NAMESPACE {

using Floats = hn::ScalableTag<float>;
using V = hn::Vec<Floats>;

/// F(4x4, 3x3) for stride 1: a quarter of the multiplications. The polynomial's points are 0,
/// +-sqrt(1/2), +-sqrt(2) and infinity instead of 0, +-1, +-2 and infinity, which rounds to a
/// quarter of the error.
struct UnitStride {
  static constexpr int64_t kInputs = 6;
  static constexpr int64_t kStride = 1;
  // The points a and b; their squares are 1/2 and 2.
  static constexpr float kPointA = 0.70710678F;
  static constexpr float kPointB = 1.41421356F;

  /// One line of 6 inputs: the coefficients of the polynomial without one of its points each.
  static HWY_INLINE void inputs(const V in[6], V out[6]) {
    const Floats d;
    const V two = hn::Set(d, 2.0F), half = hn::Set(d, 0.5F), both = hn::Set(d, 2.5F);
    out[0] = hn::NegMulAdd(both, in[2], hn::Add(in[0], in[4]));
    const V even_a = hn::NegMulAdd(two, in[2], in[4]);
    const V odd_a = hn::Mul(hn::Set(d, kPointA), hn::NegMulAdd(two, in[1], in[3]));
    out[1] = hn::Add(even_a, odd_a);
    out[2] = hn::Sub(even_a, odd_a);
    const V even_b = hn::NegMulAdd(half, in[2], in[4]);
    const V odd_b = hn::Mul(hn::Set(d, kPointB), hn::NegMulAdd(half, in[1], in[3]));
    out[3] = hn::Add(even_b, odd_b);
    out[4] = hn::Sub(even_b, odd_b);
    out[5] = hn::NegMulAdd(both, in[3], hn::Add(in[1], in[5]));
  }

  /// The 4 outputs of one line of 6 products.
  static HWY_INLINE void outputs(const V in[6], V out[4]) {
    const Floats d;
    const V a = hn::Set(d, kPointA), b = hn::Set(d, kPointB);
    const V two = hn::Set(d, 2.0F), half = hn::Set(d, 0.5F);
    const V sum_a = hn::Add(in[1], in[2]), sum_b = hn::Add(in[3], in[4]);
    const V odd_a = hn::Mul(a, hn::Sub(in[1], in[2])), odd_b = hn::Mul(b, hn::Sub(in[3], in[4]));
    out[0] = hn::Add(hn::Add(in[0], sum_a), sum_b);
    out[1] = hn::Add(odd_a, odd_b);
    out[2] = hn::MulAdd(two, sum_b, hn::Mul(half, sum_a));
    out[3] = hn::MulAdd(two, odd_b, hn::MulAdd(half, odd_a, in[5]));
  }

  /// A line of a window: the polynomial's value at each point over the product of the point's
  /// distances to the others.
  static HWY_INLINE void window(const V taps[3], WinogradAxis, V out[6]) {
    const Floats d;
    const V x = taps[0], y = taps[1], z = taps[2];
    const V even_a = hn::MulAdd(z, hn::Set(d, -1.0F / 3), hn::Mul(x, hn::Set(d, -2.0F / 3)));
    const V odd_a = hn::Mul(y, hn::Set(d, kPointA / -1.5F));
    const V even_b = hn::MulAdd(z, hn::Set(d, 1.0F / 3), hn::Mul(x, hn::Set(d, 1.0F / 6)));
    const V odd_b = hn::Mul(y, hn::Set(d, kPointB / 6));
    out[0] = x;
    out[1] = hn::Add(even_a, odd_a);
    out[2] = hn::Sub(even_a, odd_a);
    out[3] = hn::Add(even_b, odd_b);
    out[4] = hn::Sub(even_b, odd_b);
    out[5] = z;
  }
};

/// F(4x4, 2x2) for stride 2: 0.56 of the multiplications. Along an axis outputs are sums over the
/// inputs that the first and the last tap meet, with windows of 2, and over those between them,
/// with windows of 1; both have stride 1 among themselves, and a window of 1 lacks the place at
/// infinity. The other points are +-1/2 and +-1.
struct StrideTwo {
  static constexpr int64_t kInputs = 5;
  static constexpr int64_t kStride = 2;

  static HWY_INLINE void inputs(const V in[5], V out[5]) {
    const Floats d;
    const V quarter = hn::Set(d, 0.25F);
    const V odd_a = hn::Sub(in[3], in[1]);
    const V even_a = hn::Mul(hn::Set(d, 0.5F), hn::Sub(in[2], in[0]));
    out[0] = hn::Add(odd_a, even_a);
    out[1] = hn::Sub(odd_a, even_a);
    const V odd_b = hn::NegMulAdd(quarter, in[1], in[3]);
    const V even_b = hn::NegMulAdd(quarter, in[0], in[2]);
    out[2] = hn::Add(odd_b, even_b);
    out[3] = hn::Sub(odd_b, even_b);
    out[4] = hn::NegMulAdd(hn::Set(d, 1.25F), in[2], hn::MulAdd(quarter, in[0], in[4]));
  }

  static HWY_INLINE void outputs(const V in[5], V out[4]) {
    const Floats d;
    const V sum_a = hn::Add(in[0], in[1]), sum_b = hn::Add(in[2], in[3]);
    const V difference_a = hn::Sub(in[0], in[1]), difference_b = hn::Sub(in[2], in[3]);
    out[0] = hn::Add(sum_a, sum_b);
    out[1] = hn::MulAdd(hn::Set(d, 0.5F), difference_a, difference_b);
    out[2] = hn::MulAdd(hn::Set(d, 0.25F), sum_a, sum_b);
    out[3] = hn::MulAdd(hn::Set(d, 0.125F), difference_a, hn::Add(difference_b, in[4]));
  }

  static HWY_INLINE void window(const V taps[3], WinogradAxis axis, V out[5]) {
    const Floats d;
    const V x = axis.between ? taps[1] : taps[0];
    const V z = axis.between ? hn::Zero(d) : taps[2];
    const V x_a = hn::Mul(hn::Set(d, 4.0F / 3), x), z_a = hn::Mul(hn::Set(d, 2.0F / 3), z);
    out[0] = hn::Neg(hn::Add(x_a, z_a));
    out[1] = hn::Sub(x_a, z_a);
    const V x_b = hn::Mul(hn::Set(d, 2.0F / 3), x);
    out[2] = hn::Add(x_b, z_a);
    out[3] = hn::Sub(z_a, x_b);
    out[4] = z;
  }
};

}  // namespace HWY_NAMESPACE
}  // namespace tendon::cpu
HWY_AFTER_NAMESPACE();

#endif
