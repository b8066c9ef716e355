// Products of pairs of 16-bit integers, exact on any CPU.

#if defined(TENDON_PAIR_PRODUCTS_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef TENDON_PAIR_PRODUCTS_INL_H
#undef TENDON_PAIR_PRODUCTS_INL_H
#else
#define TENDON_PAIR_PRODUCTS_INL_H
#endif

#include <hwy/highway.h>

#include <cstdint>

HWY_BEFORE_NAMESPACE();
namespace tendon::cpu {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using Sums = hn::ScalableTag<int32_t>;

/// sum + left.low * right.low + left.high * right.high, exact, where each element of left and right
/// holds two 16-bit integers.
HWY_INLINE hn::Vec<Sums> add_products(hn::Vec<Sums> sum, hn::Vec<Sums> left, hn::Vec<Sums> right) {
#if HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_AVX2
  // One instruction there, which adds products of neighbours.
  const hn::Repartition<int16_t, Sums> pairs;
  hn::Vec<Sums> unused = sum;
  return hn::ReorderWidenMulAccumulate(Sums(), hn::BitCast(pairs, left), hn::BitCast(pairs, right),
                                       sum, unused);
#else
  const auto low = [](hn::Vec<Sums> v) { return hn::ShiftRight<16>(hn::ShiftLeft<16>(v)); };
  const auto high = [](hn::Vec<Sums> v) { return hn::ShiftRight<16>(v); };
  return hn::Add(sum, hn::Add(hn::Mul(low(left), low(right)), hn::Mul(high(left), high(right))));
#endif
}

}  // namespace HWY_NAMESPACE
}  // namespace tendon::cpu
HWY_AFTER_NAMESPACE();

#endif
