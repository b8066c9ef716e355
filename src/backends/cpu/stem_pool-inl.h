// The pool behind a first convolution, from the lines that it has just made.

#if defined(TENDON_STEM_POOL_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef TENDON_STEM_POOL_INL_H
#undef TENDON_STEM_POOL_INL_H
#else
#define TENDON_STEM_POOL_INL_H
#endif

#include <hwy/highway.h>

#include <cstdint>

#include "backends/cpu/codes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tendon::cpu {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// A vector of pixels in one channel, as they come.
HWY_INLINE hn::Vec<hn::ScalableTag<float>> load_pixels(const float* x) {
  return hn::LoadU(hn::ScalableTag<float>(), x);
}
HWY_INLINE hn::Vec<hn::ScalableTag<float>> load_pixels(const uint8_t* x) { return load_codes(x); }

/// Calls finish(x, maxima) for each window of 3 pixels with stride 2 and a border of 1 of `count`
/// lines of `width` pixels, `step` elements apart. Order::load(place) gives a vector of one pixel,
/// Order::larger(a, b) the larger elements of two.
template <class Order, class Element, class Finish>
HWY_INLINE void pool_windows(const Element* const* lines, int64_t count, int64_t channel,
                             int64_t step, int64_t width, const Finish& finish) {
  using V = typename Order::V;
  // Of the lines at one pixel; one between two windows is in both.
  const auto column = [&](int64_t x) HWY_ATTR {
    V most = Order::load(lines[0] + x * step + channel);
    for (int64_t line = 1; line < count; ++line) {
      most = Order::larger(most, Order::load(lines[line] + x * step + channel));
    }
    return most;
  };
  V before = column(0);
  for (int64_t x = 0; 2 * x < width; ++x) {
    V most = Order::larger(before, column(2 * x));
    if (2 * x + 1 < width) {
      before = column(2 * x + 1);
      most = Order::larger(most, before);
    }
    finish(x, most);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace tendon::cpu
HWY_AFTER_NAMESPACE();

#endif
