// Vectors of float32 from and to memory that holds float32 or bfloat16.

#if defined(TENDON_FLOATS_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef TENDON_FLOATS_INL_H
#undef TENDON_FLOATS_INL_H
#else
#define TENDON_FLOATS_INL_H
#endif

#include <hwy/highway.h>

#include <cstring>

#include "base/format.h"

HWY_BEFORE_NAMESPACE();
namespace tendon::cpu {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

template <class D>
HWY_INLINE hn::Vec<D> load_floats(D d, const float* x) {
  return hn::LoadU(d, x);
}
template <class D>
HWY_INLINE hn::Vec<D> load_floats(D d, const BFloat16* x) {
  const hn::Rebind<uint16_t, D> narrow;
  const hn::RebindToUnsigned<D> words;
  const auto bits = hn::LoadU(narrow, reinterpret_cast<const uint16_t*>(x));
  return hn::BitCast(d, hn::ShiftLeft<16>(hn::PromoteTo(words, bits)));
}

template <class D>
HWY_INLINE void store_floats(D d, hn::Vec<D> v, float* y) {
  hn::StoreU(v, d, y);
}
/// Rounds to the nearest, ties to even; NaN stays NaN.
template <class D>
HWY_INLINE void store_floats(D, hn::Vec<D> v, BFloat16* y) {
  const hn::Rebind<uint16_t, D> narrow;
  const hn::RebindToUnsigned<D> words;
  const hn::RebindToSigned<D> integers;
  const auto bits = hn::BitCast(words, v);
  const auto high = hn::ShiftRight<16>(bits);
  const auto odd = hn::And(high, hn::Set(words, 1u));
  const auto rounded = hn::ShiftRight<16>(hn::Add(hn::Add(bits, hn::Set(words, 0x7fffu)), odd));
  const auto quiet = hn::Or(high, hn::Set(words, 0x40u));
  const auto is_nan = hn::RebindMask(words, hn::IsNaN(v));
  const auto result = hn::IfThenElse(is_nan, quiet, rounded);
  hn::StoreU(hn::DemoteTo(narrow, hn::BitCast(integers, result)), narrow,
             reinterpret_cast<uint16_t*>(y));
}

/// Bfloat16 where the CPU is known to have AVX-512 BF16, which rounds in one instruction, subnormal
/// numbers to 0.
struct NativeBFloat16 {
  uint16_t bits;
};
template <class D>
HWY_INLINE hn::Vec<D> load_floats(D d, const NativeBFloat16* x) {
  return load_floats(d, reinterpret_cast<const BFloat16*>(x));
}
template <class D>
HWY_INLINE void store_floats(D d, hn::Vec<D> v, NativeBFloat16* y) {
#if HWY_TARGET == HWY_AVX3
  // Highway has no such function yet.
  __m256i half;
  asm("vcvtneps2bf16 %1, %0" : "=v"(half) : "v"(v.raw));
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(y), half);
  (void)d;
#else
  store_floats(d, v, reinterpret_cast<BFloat16*>(y));
#endif
}

/// The first n < Lanes(d) elements at x; the other lanes are 0.
template <class D, class T>
HWY_INLINE hn::Vec<D> load_partial(D d, const T* x, int64_t n) {
  HWY_ALIGN T lanes[HWY_MAX_BYTES / sizeof(float)] = {};
  std::memcpy(lanes, x, static_cast<size_t>(n) * sizeof(T));
  return load_floats(d, lanes);
}

/// Writes the first n < Lanes(d) lanes to y.
template <class D, class T>
HWY_INLINE void store_partial(D d, hn::Vec<D> v, T* y, int64_t n) {
  HWY_ALIGN T lanes[HWY_MAX_BYTES / sizeof(float)];
  store_floats(d, v, lanes);
  std::memcpy(y, lanes, static_cast<size_t>(n) * sizeof(T));
}

/// y[i] = function(x[i]) for i in [0, n), a vector at a time; y may be x.
template <class D, class X, class Y, class Function>
HWY_INLINE void map_vectors(D d, const X* x, Y* y, int64_t n, const Function& function) {
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes) store_floats(d, function(load_floats(d, x + i)), y + i);
  if (i < n) store_partial(d, function(load_partial(d, x + i, n - i)), y + i, n - i);
}

/// y[i] = function(a[i], b[i]) for i in [0, n); y may be a or b.
template <class D, class A, class B, class Y, class Function>
HWY_INLINE void map_vectors(D d, const A* a, const B* b, Y* y, int64_t n,
                            const Function& function) {
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    store_floats(d, function(load_floats(d, a + i), load_floats(d, b + i)), y + i);
  }
  if (i < n) {
    const auto rest = function(load_partial(d, a + i, n - i), load_partial(d, b + i, n - i));
    store_partial(d, rest, y + i, n - i);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace tendon::cpu
HWY_AFTER_NAMESPACE();

#endif
