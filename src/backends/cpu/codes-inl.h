// Vectors of 8-bit codes to float32 and back.

#if defined(TENDON_CODES_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef TENDON_CODES_INL_H
#undef TENDON_CODES_INL_H
#else
#define TENDON_CODES_INL_H
#endif

#include <hwy/highway.h>

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

}  // namespace HWY_NAMESPACE
}  // namespace tendon::cpu
HWY_AFTER_NAMESPACE();

#endif
