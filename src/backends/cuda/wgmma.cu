// The products of wgmma_multiply.cuh of 16-bit, TF32 and float32 factors.
#include "wgmma_multiply.cuh"

namespace tendon::cuda {
namespace {

struct GroupHalf {
  using Element = Half;
  using Sum = float;
  using Result = Half;
  [[maybe_unused]] static constexpr int kLineBytes = 128;
  [[maybe_unused]] static constexpr bool kRounds = false;
  [[maybe_unused]] static constexpr bool kRest = false;
  template <int kTilesN>
  static __device__ __forceinline__ void multiply(float (&c)[1][kTilesN][4], uint64_t a,
                                                  uint64_t b) {
    multiply_group_half(c, a, b);
  }
};
/// The tensor cores cut off what TF32 lacks, which shrinks every product a little: so what comes
/// from memory is rounded first. TF32's weights are already; in float32 two numbers stand for each
/// factor, and three of their products for its product.
template <bool kExact>
struct GroupFloat {
  using Element = float;
  using Sum = float;
  using Result = float;
  [[maybe_unused]] static constexpr int kLineBytes = 128;
  [[maybe_unused]] static constexpr bool kRounds = true;
  [[maybe_unused]] static constexpr bool kRest = kExact;
  template <int kTilesN>
  static __device__ __forceinline__ void multiply(float (&c)[1][kTilesN][4], uint64_t a,
                                                  uint64_t b) {
    multiply_group_tf32(c, a, b);
  }
};

using GroupTf32 = GroupFloat<false>;
using GroupExact = GroupFloat<true>;

}  // namespace

#define TENDON_WGMMAS(NAME, ARITHMETIC)                                \
  TENDON_WGMMA(wgmma, false, 0, NAME, ARITHMETIC, 2, 1, 128, 128)      \
  TENDON_WGMMA(wgmma, false, 0, NAME, ARITHMETIC, 2, 1, 128, 64)       \
  TENDON_WGMMA(wgmma, false, 0, NAME, ARITHMETIC, 1, 1, 64, 64)        \
  TENDON_WGMMA(wgmma_patch, true, 0, NAME, ARITHMETIC, 2, 1, 128, 128) \
  TENDON_WGMMA(wgmma_patch, true, 0, NAME, ARITHMETIC, 2, 1, 128, 64)  \
  TENDON_WGMMA(wgmma_patch, true, 0, NAME, ARITHMETIC, 4, 2, 256, 64)

TENDON_WITH(TENDON_WGMMAS, TENDON_HALF, GroupHalf)
TENDON_WITH(TENDON_WGMMA_SHARED, wgmma, false, 0, TENDON_HALF, GroupHalf, 2, 128, 64, 2, 1)
TENDON_WITH(TENDON_WGMMA_SHARED, wgmma, false, 0, TENDON_HALF, GroupHalf, 1, 64, 64, 2, 2)
TENDON_WITH(TENDON_WGMMA_SHARED, wgmma_patch, true, 0, TENDON_HALF, GroupHalf, 2, 128, 64, 2, 1)
TENDON_WITH(TENDON_WGMMA_SHARED, wgmma_norm4, false, 4, TENDON_HALF, GroupHalf, 1, 64, 128, 2, 1)
TENDON_WITH(TENDON_WGMMA_SHARED, wgmma_norm8, false, 8, TENDON_HALF, GroupHalf, 1, 64, 128, 2, 1)

#ifndef TENDON_BFLOAT16
// Groups that round what they read do not share it.
TENDON_WGMMAS(tf32, GroupTf32)
TENDON_WGMMA(wgmma_norm4, false, 4, tf32, GroupTf32, 1, 1, 64, 128)
TENDON_WGMMA(wgmma_norm8, false, 8, tf32, GroupTf32, 1, 1, 64, 128)

// One block takes a multiprocessor's shared memory.
#define TENDON_WGMMA_EXACT(FAMILY, PATCHES, NORM_PARTS, TILES, ROWS, COLUMNS)                    \
  TENDON_WGMMA_AS(FAMILY##_f32_##ROWS##x##COLUMNS, PATCHES, NORM_PARTS, GroupExact, TILES, 1, 1, \
                  COLUMNS, 1)
TENDON_WGMMA_EXACT(wgmma, false, 0, 2, 128, 128)
TENDON_WGMMA_EXACT(wgmma, false, 0, 2, 128, 64)
TENDON_WGMMA_EXACT(wgmma, false, 0, 1, 64, 64)
TENDON_WGMMA_EXACT(wgmma_patch, true, 0, 2, 128, 128)
TENDON_WGMMA_EXACT(wgmma_patch, true, 0, 2, 128, 64)
TENDON_WGMMA_EXACT(wgmma_norm4, false, 4, 1, 64, 128)
TENDON_WGMMA_EXACT(wgmma_norm8, false, 8, 1, 64, 128)
#endif

}  // namespace tendon::cuda
