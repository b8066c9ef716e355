#include "base/simd.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backends/cpu/interleave.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "backends/cpu/interleave.h"

HWY_BEFORE_NAMESPACE();
namespace tendon::cpu {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

template <class Word, int kPlanes>
void interleave(const void* source, int64_t step, int64_t count, void* output) {
  const hn::ScalableTag<Word> d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  const auto* from = static_cast<const Word*>(source);
  auto* to = static_cast<Word*>(output);
  int64_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    const auto first = hn::LoadU(d, from + i);
    const auto second = hn::LoadU(d, from + step + i);
    if constexpr (kPlanes == 2) {
      hn::StoreInterleaved2(first, second, d, to + i * kPlanes);
    } else {
      const auto third = hn::LoadU(d, from + 2 * step + i);
      if constexpr (kPlanes == 3) {
        hn::StoreInterleaved3(first, second, third, d, to + i * kPlanes);
      } else {
        const auto fourth = hn::LoadU(d, from + 3 * step + i);
        hn::StoreInterleaved4(first, second, third, fourth, d, to + i * kPlanes);
      }
    }
  }
  for (; i < count; ++i) {
    for (int plane = 0; plane < kPlanes; ++plane) to[i * kPlanes + plane] = from[plane * step + i];
  }
}

template <class Word>
Interleave of_planes(int64_t planes) {
  switch (planes) {
    case 2: return interleave<Word, 2>;
    case 3: return interleave<Word, 3>;
    case 4: return interleave<Word, 4>;
    default: return nullptr;
  }
}

Interleave choose_interleave(size_t element_bytes, int64_t planes) {
  switch (element_bytes) {
    case 1: return of_planes<uint8_t>(planes);
    case 2: return of_planes<uint16_t>(planes);
    case 4: return of_planes<uint32_t>(planes);
    default: return nullptr;
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace tendon::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tendon::cpu {
HWY_EXPORT(choose_interleave);

Interleave interleave_function(size_t element_bytes, int64_t planes) {
  return HWY_DYNAMIC_DISPATCH(choose_interleave)(element_bytes, planes);
}

}  // namespace tendon::cpu
#endif
