// Vectors of 8-bit codes to float32 and back.

#if defined(TENDON_CODES_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef TENDON_CODES_INL_H
#undef TENDON_CODES_INL_H
#else
#define TENDON_CODES_INL_H
#endif

#include <hwy/highway.h>

#include <algorithm>
#include <cmath>
#include <limits>

HWY_BEFORE_NAMESPACE();
namespace tendon::cpu {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// The codes from `from` on, T being int8_t or uint8_t.
template <class T>
HWY_INLINE hn::Vec<hn::ScalableTag<float>> load_codes(const T* from) {
  const hn::ScalableTag<float> d;
  const hn::Rebind<T, decltype(d)> codes;
  const hn::RebindToSigned<decltype(d)> integers;
  return hn::ConvertTo(d, hn::PromoteTo(integers, hn::LoadU(codes, from)));
}

/// saturate(round(v)), ties to even, NaN giving 0.
template <class T>
HWY_INLINE void store_codes(hn::Vec<hn::ScalableTag<float>> v, T* to) {
  const hn::ScalableTag<float> d;
  const hn::Rebind<T, decltype(d)> codes;
  constexpr auto kLow = static_cast<float>(std::numeric_limits<T>::lowest());
  constexpr auto kHigh = static_cast<float>(std::numeric_limits<T>::max());
  const auto known = hn::IfThenElseZero(hn::Eq(v, v), v);
  const auto inside = hn::Min(hn::Max(known, hn::Set(d, kLow)), hn::Set(d, kHigh));
  hn::StoreU(hn::DemoteTo(codes, hn::NearestInt(inside)), codes, to);
}

/// y[i] = saturate(round(x[i] / scale) + zero), NaN giving 0.
template <class T>
HWY_INLINE void quantize(const float* x, T* y, int64_t n, float scale, float zero) {
  const hn::ScalableTag<float> d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  constexpr auto kLow = static_cast<float>(std::numeric_limits<T>::lowest());
  constexpr auto kHigh = static_cast<float>(std::numeric_limits<T>::max());
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    const auto quotient = hn::Div(hn::LoadU(d, x + i), hn::Set(d, scale));
    store_codes(hn::Add(hn::Round(quotient), hn::Set(d, zero)), y + i);
  }
  for (; i < n; ++i) {
    const float code = std::nearbyint(x[i] / scale) + zero;
    y[i] = std::isnan(code) ? T{0} : static_cast<T>(std::min(std::max(code, kLow), kHigh));
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace tendon::cpu
HWY_AFTER_NAMESPACE();

#endif
