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
/// are aligned to vectors. A Word is float, or what else `multiply_add(left, columns, sums)` takes
/// in lanes as wide.
template <int kVectors, class Word, class MultiplyAdd>
HWY_INLINE void multiply_tile(const Word* HWY_RESTRICT a, int64_t a_stride,
                              const Word* HWY_RESTRICT panel, int64_t depth, float* HWY_RESTRICT c,
                              int64_t c_stride, bool accumulate, const MultiplyAdd& multiply_add) {
  const hn::ScalableTag<float> d;
  const hn::ScalableTag<Word> dw;
  using V = hn::Vec<decltype(d)>;
  using W = hn::Vec<decltype(dw)>;
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
    W columns[kVectors];
    HWY_UNROLL(2)
    for (int v = 0; v < kVectors; ++v) {
      columns[v] = hn::Load(dw, panel + (k * kVectors + v) * lanes);
    }
    HWY_UNROLL(16)
    for (int row = 0; row < kTileRows; ++row) {
      const W left = hn::Set(dw, a[row * a_stride + k]);
      HWY_UNROLL(2)
      for (int v = 0; v < kVectors; ++v) {
        sums[row][v] = multiply_add(left, columns[v], sums[row][v]);
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

template <int kVectors>
HWY_INLINE void multiply_tile(const float* HWY_RESTRICT a, int64_t a_stride,
                              const float* HWY_RESTRICT panel, int64_t depth, float* HWY_RESTRICT c,
                              int64_t c_stride, bool accumulate) {
  using V = hn::Vec<hn::ScalableTag<float>>;
  multiply_tile<kVectors>(a, a_stride, panel, depth, c, c_stride, accumulate,
                          [](V left, V columns, V sums)
                              HWY_ATTR { return hn::MulAdd(left, columns, sums); });
}

}  // namespace HWY_NAMESPACE
}  // namespace tendon::cpu
HWY_AFTER_NAMESPACE();

#endif
