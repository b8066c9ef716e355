// A register-blocked product of a few rows with a panel of columns.

#if defined(TENDON_MATMUL_TILE_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef TENDON_MATMUL_TILE_INL_H
#undef TENDON_MATMUL_TILE_INL_H
#else
#define TENDON_MATMUL_TILE_INL_H
#endif

#include <hwy/cache_control.h>
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

inline constexpr int kHalfTileRows = kTileRows / 2;

/// c[kRows, kVectors * Lanes] = a[kRows, depth] * panel[depth, kVectors * Lanes], or added to c if
/// `accumulate`. Rows of a and c are `a_stride` and `c_stride` elements apart; panel and c are
/// aligned to vectors. A Word is float, or what else `multiply_add(left, columns, sums)` takes in
/// lanes as wide. `next`, unless null, is the a of the next call, which is brought into the cache.
template <int kRows, int kVectors, class Word, class MultiplyAdd>
HWY_INLINE void multiply_tile(const Word* HWY_RESTRICT a, int64_t a_stride,
                              const Word* HWY_RESTRICT panel, int64_t depth, float* HWY_RESTRICT c,
                              int64_t c_stride, bool accumulate, const MultiplyAdd& multiply_add,
                              const Word* next) {
  const hn::ScalableTag<float> d;
  const hn::ScalableTag<Word> dw;
  using V = hn::Vec<decltype(d)>;
  using W = hn::Vec<decltype(dw)>;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  V sums[kRows][kVectors];
  HWY_UNROLL(16)
  for (int row = 0; row < kRows; ++row) {
    HWY_UNROLL(2)
    for (int v = 0; v < kVectors; ++v) {
      sums[row][v] = accumulate ? hn::Load(d, c + row * c_stride + v * lanes) : hn::Zero(d);
    }
  }
  constexpr int64_t kCacheLine = 64 / sizeof(Word);
  for (int64_t line = 0; line < depth; line += kCacheLine) {
    if (next != nullptr) {
      // The rows are too many and too short for the processor to foresee.
      HWY_UNROLL(16)
      for (int row = 0; row < kRows; ++row) hwy::Prefetch(next + row * a_stride + line);
    }
    const int64_t end = HWY_MIN(depth, line + kCacheLine);
    for (int64_t k = line; k < end; ++k) {
      W columns[kVectors];
      HWY_UNROLL(2)
      for (int v = 0; v < kVectors; ++v) {
        columns[v] = hn::Load(dw, panel + (k * kVectors + v) * lanes);
      }
      HWY_UNROLL(16)
      for (int row = 0; row < kRows; ++row) {
        const W left = hn::Set(dw, a[row * a_stride + k]);
        HWY_UNROLL(2)
        for (int v = 0; v < kVectors; ++v) {
          sums[row][v] = multiply_add(left, columns[v], sums[row][v]);
        }
      }
    }
  }
  HWY_UNROLL(16)
  for (int row = 0; row < kRows; ++row) {
    HWY_UNROLL(2)
    for (int v = 0; v < kVectors; ++v) {
      hn::Store(sums[row][v], d, c + row * c_stride + v * lanes);
    }
  }
}

/// The same for any number of rows; a and c have room for a multiple of kHalfTileRows. `next`,
/// unless null, is the a of the next call: whoever gives it says that a is not in the cache either.
template <int kVectors, class Word, class MultiplyAdd>
HWY_INLINE void multiply_rows(const Word* HWY_RESTRICT a, int64_t a_stride, int64_t rows,
                              const Word* HWY_RESTRICT panel, int64_t depth, float* HWY_RESTRICT c,
                              int64_t c_stride, bool accumulate, const MultiplyAdd& multiply_add,
                              const Word* next = nullptr) {
  for (int64_t row = 0; row < rows; row += kTileRows) {
    const Word* from = a + row * a_stride;
    float* to = c + row * c_stride;
    const Word* then = next == nullptr          ? nullptr
                       : row + kTileRows < rows ? from + kTileRows * a_stride
                                                : next;
    if (rows - row <= kHalfTileRows) {
      multiply_tile<kHalfTileRows, kVectors>(from, a_stride, panel, depth, to, c_stride, accumulate,
                                             multiply_add, then);
    } else {
      multiply_tile<kTileRows, kVectors>(from, a_stride, panel, depth, to, c_stride, accumulate,
                                         multiply_add, then);
    }
  }
}

template <int kVectors>
HWY_INLINE void multiply_rows(const float* HWY_RESTRICT a, int64_t a_stride, int64_t rows,
                              const float* HWY_RESTRICT panel, int64_t depth, float* HWY_RESTRICT c,
                              int64_t c_stride, bool accumulate, const float* next = nullptr) {
  using V = hn::Vec<hn::ScalableTag<float>>;
  multiply_rows<kVectors>(
      a, a_stride, rows, panel, depth, c, c_stride, accumulate,
      [](V left, V columns, V sums) HWY_ATTR { return hn::MulAdd(left, columns, sums); }, next);
}

}  // namespace HWY_NAMESPACE
}  // namespace tendon::cpu
HWY_AFTER_NAMESPACE();

#endif
