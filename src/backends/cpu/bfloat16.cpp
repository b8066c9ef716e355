#include "base/simd.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backends/cpu/bfloat16.cpp"
#include <hwy/foreach_target.h>

#include "backends/cpu/bfloat16.h"
#include "backends/cpu/floats-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tendon::cpu {
namespace HWY_NAMESPACE {

template <class From, class To>
HWY_INLINE void convert(const From* x, To* y, int64_t n) {
  const hn::ScalableTag<float> d;
  map_vectors(d, x, y, n, [](hn::Vec<decltype(d)> v) HWY_ATTR { return v; });
}

void widen_vectors(const BFloat16* x, float* y, int64_t n) { convert(x, y, n); }
void narrow_vectors(const float* x, BFloat16* y, int64_t n) { convert(x, y, n); }

}  // namespace HWY_NAMESPACE
}  // namespace tendon::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include <atomic>
#include <oneapi/dnnl/dnnl.hpp>

#include "base/cpu_peak.h"

namespace tendon::cpu {
HWY_EXPORT(widen_vectors);
HWY_EXPORT(narrow_vectors);
namespace {

enum class Pretence { kNone, kPresent, kAbsent };
std::atomic<Pretence> pretence = Pretence::kNone;

/// Of the arithmetic alone; conversions cost some of it.
constexpr double kLeastGain = 1.4;

}  // namespace

bool multiplies_bfloat16() {
  const dnnl::cpu_isa isa = dnnl::get_effective_cpu_isa();
  return isa == dnnl::cpu_isa::avx512_core_bf16 || isa == dnnl::cpu_isa::avx512_core_amx;
}

bool has_bfloat16() {
  const Pretence said = pretence;
  return said == Pretence::kNone ? multiplies_bfloat16() : said == Pretence::kPresent;
}

bool multiplies_bfloat16_tiles() {
  return pretence.load() == Pretence::kNone &&
         dnnl::get_effective_cpu_isa() == dnnl::cpu_isa::avx512_core_amx;
}

bool bfloat16_pairs_pay() {
  if (pretence != Pretence::kNone) return pretence == Pretence::kPresent;
  static const bool pays = multiplies_bfloat16() && measure_bfloat16_gain() >= kLeastGain;
  return pays;
}

bool bfloat16_pays() {
  return has_bfloat16() && (bfloat16_pairs_pay() || multiplies_bfloat16_tiles());
}

void pretend_bfloat16(std::optional<bool> present) {
  pretence = !present ? Pretence::kNone : *present ? Pretence::kPresent : Pretence::kAbsent;
}

void widen(const BFloat16* x, float* y, int64_t n) { HWY_DYNAMIC_DISPATCH(widen_vectors)(x, y, n); }

void narrow(const float* x, BFloat16* y, int64_t n) {
  HWY_DYNAMIC_DISPATCH(narrow_vectors)(x, y, n);
}

}  // namespace tendon::cpu
#endif
