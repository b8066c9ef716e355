// Softmax over rows of scores that arrive in blocks.

#if defined(TENDON_RUNNING_SOFTMAX_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef TENDON_RUNNING_SOFTMAX_INL_H
#undef TENDON_RUNNING_SOFTMAX_INL_H
#else
#define TENDON_RUNNING_SOFTMAX_INL_H
#endif

#include <hwy/highway.h>

#include <cstdint>

HWY_BEFORE_NAMESPACE();
namespace tendon::cpu {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// Turns one row of `count` scores, in place, into weights relative to the row's shift, the largest
/// score when it was last set (-infinity at first), and adds them to `sums`, a vector. A shift that
/// scores exceed by more than kHeadroom is set again: then `result` and `sums` are brought to the
/// new scale. `units` turns scores into powers of two. `exp2(x)` is 2^x for x <= kHeadroom;
/// `store(first, second, i)` writes the weights of scores i and on, two vectors, in place of scores
/// that are read already. NaN is kept.
template <class Exp2, class Store>
HWY_INLINE void absorb_scores(float* scores, int64_t count, float units, float* result,
                              int64_t result_width, float& shift, float* sums, const Exp2& exp2,
                              const Store& store) {
  // Sums of weights up to 2^kHeadroom are as exact as those of weights up to 1.
  constexpr float kHeadroom = 8.0F;
  const hn::ScalableTag<float> d;
  using V = hn::Vec<decltype(d)>;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  V maxima = hn::Load(d, scores), more = hn::Load(d, scores + lanes);
  for (int64_t i = 2 * lanes; i < count; i += 2 * lanes) {
    maxima = hn::Max(maxima, hn::Load(d, scores + i));
    more = hn::Max(more, hn::Load(d, scores + i + lanes));
  }
  maxima = hn::Max(maxima, more);
  const V unit = hn::Set(d, units);
  if (!hn::AllFalse(
          d, hn::Gt(hn::MulAdd(maxima, unit, hn::Set(d, -kHeadroom)), hn::Set(d, shift * units)))) {
    const V top = hn::MaxOfLanes(d, maxima);
    const V factor = exp2(hn::Mul(hn::Sub(hn::Set(d, shift), top), unit));
    for (int64_t i = 0; i < result_width; i += lanes) {
      hn::Store(hn::Mul(hn::Load(d, result + i), factor), d, result + i);
    }
    hn::Store(hn::Mul(hn::Load(d, sums), factor), d, sums);
    shift = hn::GetLane(top);
  }
  const V origin = hn::Set(d, shift * units);
  V sum = hn::Load(d, sums), other = hn::Zero(d);
  for (int64_t i = 0; i < count; i += 2 * lanes) {
    const V first = exp2(hn::MulSub(hn::Load(d, scores + i), unit, origin));
    const V second = exp2(hn::MulSub(hn::Load(d, scores + i + lanes), unit, origin));
    sum = hn::Add(sum, first);
    other = hn::Add(other, second);
    store(first, second, i);
  }
  hn::Store(hn::Add(sum, other), d, sums);
}

}  // namespace HWY_NAMESPACE
}  // namespace tendon::cpu
HWY_AFTER_NAMESPACE();

#endif
