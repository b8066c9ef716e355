// The products of wgmma_multiply.cuh of 8-bit codes, unsigned or signed, by signed ones.
#include "wgmma_multiply.cuh"

namespace tendon::cuda {
namespace {

/// Sums are exact; a line is a step of k.
template <bool kSigned, int kLine>
struct GroupCodes {
  using Element = unsigned char;
  using Sum = int;
  using Result = Half;
  [[maybe_unused]] static constexpr int kLineBytes = kLine;
  [[maybe_unused]] static constexpr bool kRounds = false;
  [[maybe_unused]] static constexpr bool kRest = false;
  template <int kTilesN>
  static __device__ __forceinline__ void multiply(int (&c)[1][kTilesN][4], uint64_t a, uint64_t b) {
    multiply_group_codes<kSigned>(c, a, b);
  }
};

}  // namespace

#define TENDON_CODES(FAMILY, PATCHES, NAME, ARITHMETIC)              \
  TENDON_WGMMA(FAMILY, PATCHES, 0, NAME, ARITHMETIC, 2, 1, 128, 128) \
  TENDON_WGMMA(FAMILY, PATCHES, 0, NAME, ARITHMETIC, 2, 1, 128, 64)  \
  TENDON_WGMMA_SHARED(FAMILY, PATCHES, 0, NAME, ARITHMETIC, 2, 128, 64, 2, 1)
#define TENDON_CODES_OF(NAME, WIDE, NARROW)                                  \
  TENDON_CODES(wgmma, false, NAME, WIDE)                                     \
  TENDON_CODES(wgmma_patch, true, NAME, WIDE)                                \
  TENDON_CODES(wgmma_narrow, false, NAME, NARROW)                            \
  TENDON_CODES(wgmma_narrow_patch, true, NAME, NARROW)                       \
  TENDON_WGMMA(wgmma, false, 0, NAME, WIDE, 1, 1, 64, 64)                    \
  TENDON_WGMMA(wgmma_narrow, false, 0, NAME, NARROW, 1, 1, 64, 64)           \
  TENDON_WGMMA_SHARED(wgmma, false, 0, NAME, WIDE, 1, 64, 64, 2, 2)          \
  TENDON_WGMMA_SHARED(wgmma_narrow, false, 0, NAME, NARROW, 1, 64, 64, 2, 2) \
  TENDON_WGMMA(wgmma_patch, true, 0, NAME, WIDE, 4, 2, 256, 64)              \
  TENDON_WGMMA(wgmma_narrow_patch, true, 0, NAME, NARROW, 4, 2, 256, 64)     \
  TENDON_WGMMA_SHARED(wgmma_norm4, false, 4, NAME, WIDE, 1, 64, 128, 2, 1)   \
  TENDON_WGMMA_SHARED(wgmma_norm8, false, 8, NAME, WIDE, 1, 64, 128, 2, 1)

using SignedLine = GroupCodes<true, 128>;
using SignedHalfLine = GroupCodes<true, 64>;
using UnsignedLine = GroupCodes<false, 128>;
using UnsignedHalfLine = GroupCodes<false, 64>;
// Results are codes or of the image's 16-bit type: TENDON_HALF.
TENDON_CODES_OF(s8, SignedLine, SignedHalfLine)
TENDON_CODES_OF(u8, UnsignedLine, UnsignedHalfLine)

}  // namespace tendon::cuda
