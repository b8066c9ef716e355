// The loop over all windows of a pool, and the checks that pools share.
#pragma once

#include <algorithm>

#include "ops/window.h"

namespace tendon {

/// window_axes for a pool; also refuses pads as large as the window, which would hold padding only.
std::vector<WindowAxis> pool_axes(const WindowAttributes& attributes, const ImageLayout& image,
                                  bool ceil_mode);

/// Calls visit(out, window) with out the output point and `window` a function that calls its
/// argument with each input point inside the window; points count row-major in one channel.
template <class Visit>
void for_each_window(const std::array<WindowAxis, 3>& axes, Visit&& visit) {
  const WindowAxis& outer = axes[0];
  const WindowAxis& middle = axes[1];
  const WindowAxis& inner = axes[2];
  const auto taps = [](const WindowAxis& axis, int64_t o, auto&& tap) {
    const int64_t first = o * axis.stride - axis.pad_begin;
    for (int64_t k = 0; k < axis.kernel; ++k) {
      const int64_t i = first + k * axis.dilation;
      if (i >= 0 && i < axis.input) tap(i);
    }
  };
  int64_t out = 0;
  for (int64_t d = 0; d < outer.output; ++d) {
    for (int64_t h = 0; h < middle.output; ++h) {
      for (int64_t w = 0; w < inner.output; ++w, ++out) {
        visit(out, [&](auto&& point) {
          taps(outer, d, [&](int64_t i) {
            taps(middle, h, [&](int64_t j) {
              taps(inner, w, [&](int64_t k) { point((i * middle.input + j) * inner.input + k); });
            });
          });
        });
      }
    }
  }
}

}  // namespace tendon
