// The plain matrix product that references share.
#pragma once

#include "ops/wide.h"

namespace tendon {

/// c[m, n] += a[m, k] * b[k, n], all dense and row-major.
template <class Wide>
void add_product(const Wide* a, const Wide* b, Wide* c, int64_t m, int64_t k, int64_t n) {
  for (int64_t row = 0; row < m; ++row) {
    for (int64_t i = 0; i < k; ++i) {
      const Wide factor = a[row * k + i];
      for (int64_t column = 0; column < n; ++column) {
        Wide& sum = c[row * n + column];
        sum = wrapping_sum(sum, wrapping_product(factor, b[i * n + column]));
      }
    }
  }
}

}  // namespace tendon
