// A register-blocked product of a few rows with a panel of columns.

#if defined(TENDON_MATMUL_TILE_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef TENDON_MATMUL_TILE_INL_H
#undef TENDON_MATMUL_TILE_INL_H
#else
#define TENDON_MATMUL_TILE_INL_H
#endif

#include <hwy/highway.h>

#include <cstdint>

HWY_BEFORE_NAMESPACE();
namespace tendon::cpu {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// Rows of a tile: with two vectors a row, the accumulators fill the registers and leave room for
/// one row of the panel and one element of the left operand.
#if HWY_TARGET == HWY_AVX3
inline constexpr int kTileRows = 12;
#else
inline constexpr int kTileRows = 6;
#endif

/// c[kTileRows, kVectors * Lanes] = a[kTileRows, depth] * panel[depth, kVectors * Lanes], or added
/// to c if `accumulate`. Rows of a and c are `a_stride` and `c_stride` elements apart; panel and c
/// are aligned to vectors.
template <int kVectors>
HWY_INLINE void multiply_tile(const float* HWY_RESTRICT a, int64_t a_stride,
                              const float* HWY_RESTRICT panel, int64_t depth, float* HWY_RESTRICT c,
                              int64_t c_stride, bool accumulate) {
  const hn::ScalableTag<float> d;
  using V = hn::Vec<decltype(d)>;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  V sums[kTileRows][kVectors];
  HWY_UNROLL(16)
  for (int row = 0; row < kTileRows; ++row) {
    HWY_UNROLL(2)
    for (int v = 0; v < kVectors; ++v) {
      sums[row][v] = accumulate ? hn::Load(d, c + row * c_stride + v * lanes) : hn::Zero(d);
    }
  }
  for (int64_t k = 0; k < depth; ++k) {
    V columns[kVectors];
    HWY_UNROLL(2)
    for (int v = 0; v < kVectors; ++v) {
      columns[v] = hn::Load(d, panel + (k * kVectors + v) * lanes);
    }
    HWY_UNROLL(16)
    for (int row = 0; row < kTileRows; ++row) {
      const V left = hn::Set(d, a[row * a_stride + k]);
      HWY_UNROLL(2)
      for (int v = 0; v < kVectors; ++v) {
        sums[row][v] = hn::MulAdd(left, columns[v], sums[row][v]);
      }
    }
  }
  HWY_UNROLL(16)
  for (int row = 0; row < kTileRows; ++row) {
    HWY_UNROLL(2)
    for (int v = 0; v < kVectors; ++v) {
      hn::Store(sums[row][v], d, c + row * c_stride + v * lanes);
    }
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace tendon::cpu
HWY_AFTER_NAMESPACE();

#endif
