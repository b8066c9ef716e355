// The first convolution of a ResNet with the max-pool after it, in float16, by Hopper's groups of
// four warps. With stride 2 and four channels neighbouring windows are 16 bytes apart, so the
// tensor cores read them out of the image's patch as it lies: rows of 16 bytes that overlap along
// k.
#include "codes.cuh"
#include "stem_parameters.h"
#include "wgmma_math.cuh"

namespace tendon::cuda {

#ifdef __CUDA_ARCH_FEAT_SM90_ALL
namespace {

constexpr int kTaps = 7;
constexpr int kPixels =
    2 * (kGroupPoolColumns + 1);  // of a convolution's row, the last for nothing
[[maybe_unused]] constexpr int kWarps = kGroupPoolThreads / 32;
constexpr int kTilesN = kStemOutputs / 8;
constexpr uint32_t kChunkBytes = kStemOutputs * 16;  // of weights: 16 bytes of k for each output
static_assert(kPixels == 64 && kTaps * 4 * kChunkBytes == kGroupPoolWeightBytes);
static_assert(2 * kPixels + kTaps - 1 == kGroupPoolPatchPitch / 8);

/// Matrices whose eight rows of 16 bytes follow each other; the next 16 bytes of k are `next_k`
/// further, the next eight rows 128.
[[maybe_unused]] __device__ __forceinline__ uint64_t plain_matrix_at(uint32_t address,
                                                                     uint32_t next_k) {
  return static_cast<uint64_t>(128 >> 4) << 32 | static_cast<uint64_t>(next_k >> 4) << 16 |
         (address & 0x3ffff) >> 4;
}

/// Sums are read behind the wait for their products, not before.
[[maybe_unused]] __device__ __forceinline__ void keep_in_place(float (&sums)[1][kTilesN][4]) {
#pragma unroll
  for (int j = 0; j < kTilesN; ++j) {
#pragma unroll
    for (int e = 0; e < 4; ++e) asm volatile("" : "+f"(sums[0][j][e])::"memory");
  }
}

/// Rows of the patch whose first pixel is (first_y, first_x), less `offset`; zeros beyond the
/// image.
template <class Source>
__device__ __forceinline__ void load_patch(const StemParameters& p, unsigned char* patch, int rows,
                                           int image, int first_y, int first_x, int warp,
                                           int lane) {
  constexpr int kColumns = kGroupPoolPatchPitch / 8;
  constexpr int kPasses = (kColumns + 31) / 32;
  float offset[4];
#pragma unroll
  for (int c = 0; c < 4; ++c) {
    offset[c] = p.offset != nullptr && c < p.channels ? p.offset[c] : 0.0f;
  }
  const auto* const from = static_cast<const Source*>(p.x) + image * p.steps.image;
#pragma unroll 2
  for (int row = warp; row < rows; row += kWarps) {
    const int y = first_y + row;
    const bool row_inside = static_cast<unsigned>(y) < static_cast<unsigned>(p.height);
    const Source* const line = from + static_cast<long long>(row_inside ? y : 0) * p.steps.row;
    // All loads of a row are on their way before the first is used.
    Source loaded[kPasses][4];
#pragma unroll
    for (int pass = 0; pass < kPasses; ++pass) {
      const int x = first_x + pass * 32 + lane;
      const bool inside = row_inside && static_cast<unsigned>(x) < static_cast<unsigned>(p.width);
#pragma unroll
      for (int c = 0; c < 4; ++c) {
        if (!inside || c >= p.channels) continue;
        loaded[pass][c] = line[x * static_cast<long long>(p.steps.pixel) +
                               c * static_cast<long long>(p.steps.channel)];
      }
    }
#pragma unroll
    for (int pass = 0; pass < kPasses; ++pass) {
      const int column = pass * 32 + lane;
      const int x = first_x + column;
      const bool inside = row_inside && static_cast<unsigned>(x) < static_cast<unsigned>(p.width);
      float values[4];
#pragma unroll
      for (int c = 0; c < 4; ++c) {
        values[c] = inside && c < p.channels ? to_float(loaded[pass][c]) - offset[c] : 0.0f;
      }
      const Half2 low = half2_of(values[0], values[1]);
      const Half2 high = half2_of(values[2], values[3]);
      if (column >= kColumns) continue;
      *reinterpret_cast<uint2*>(patch + row * kGroupPoolPatchPitch + column * 8) = make_uint2(
          *reinterpret_cast<const uint32_t*>(&low), *reinterpret_cast<const uint32_t*>(&high));
    }
  }
}

/// Of three neighbours among 64 pixels in shared memory; pixel 0 is column first_x of the
/// convolution. By the threads of one group.
__device__ __forceinline__ void write_maxima(const StemParameters& p, const unsigned char* pixels,
                                             int image, int y, int first_x, int first_output,
                                             int thread) {
  constexpr int kPacks = kStemOutputs / 8;
#pragma unroll 1
  for (int i = thread; i < kGroupPoolColumns * kPacks; i += 128) {
    const int pack = i % kPacks;
    const int column = i / kPacks;
    const int x = static_cast<int>(blockIdx.x) * kGroupPoolColumns + column;
    const int output = first_output + pack * 8;
    if (x >= p.pool_width || output >= p.outputs) continue;
    Half2 largest[4];
#pragma unroll
    for (int e = 0; e < 4; ++e) largest[e] = half2_of(-INFINITY);
#pragma unroll
    for (int tap = 0; tap < 3; ++tap) {
      if (static_cast<unsigned>(first_x + 2 * column + tap) >= static_cast<unsigned>(p.out_width)) {
        continue;
      }
      const uint4 found = *reinterpret_cast<const uint4*>(
          pixels + (2 * column + tap) * kGroupPoolResultPitch + pack * 16);
      const uint32_t words[4] = {found.x, found.y, found.z, found.w};
#pragma unroll
      for (int e = 0; e < 4; ++e) {
        largest[e] = __hmax2_nan(largest[e], *reinterpret_cast<const Half2*>(&words[e]));
      }
    }
    const long long place =
        (static_cast<long long>(image * p.pool_height + y) * p.pool_width + x) * p.outputs + output;
    float values[8];
#pragma unroll
    for (int e = 0; e < 4; ++e) {
      const float2 pair = floats_of(largest[e]);
      values[2 * e] = pair.x;
      values[2 * e + 1] = pair.y;
    }
    const ElementType type = !p.codes         ? ElementType::kHalf
                             : p.codes_signed ? ElementType::kInt8
                                              : ElementType::kUInt8;
    store_eight(p.y, type, place, values, p.codes_per_unit);
  }
}

template <class Source>
__device__ __forceinline__ void convolve_and_pool(const StemParameters& p) {
  extern __shared__ __align__(128) unsigned char memory[];
  __shared__ alignas(8) float biases[kStemOutputs];
  const int thread = static_cast<int>(threadIdx.x);
  const int lane = thread & 31;
  const int warp = uniform(thread >> 5);
  const int group = warp / 4;
  const int groups = (p.outputs + kStemOutputs - 1) / kStemOutputs;
  const int image = static_cast<int>(blockIdx.z) / groups;
  const int first_output = static_cast<int>(blockIdx.z) % groups * kStemOutputs;
  const int first_row = static_cast<int>(blockIdx.y) * 2 * p.group_rows;  // of the maxima
  const int first_x = 2 * static_cast<int>(blockIdx.x) * kGroupPoolColumns - 1;
  const int first_y = 2 * first_row - 1;

  const uint32_t weights = shared_address(memory);
  unsigned char* const result = memory + kGroupPoolWeightBytes + group * kGroupPoolResultBytes;
  unsigned char* const patch = memory + kGroupPoolWeightBytes + 2 * kGroupPoolResultBytes;
#pragma unroll 1
  for (int i = thread; i < kGroupPoolWeightBytes / 16; i += kGroupPoolThreads) {
    const int output = i % kStemOutputs;
    const int chunk = i / kStemOutputs;
    copy_async(weights + static_cast<uint32_t>(i * 16),
               static_cast<const unsigned char*>(p.weight) +
                   static_cast<long long>(first_output + output) * kTaps * 64 + chunk * 16,
               true);
  }
  commit_copies();
  wait_to_read(p.inputs_pending);
  if (thread < kStemOutputs) {
    const int output = first_output + thread;
    biases[thread] = p.bias != nullptr && output < p.outputs
                         ? to_float(static_cast<const Half*>(p.bias)[output])
                         : 0.0f;
  }
  load_patch<Source>(p, patch, 8 * p.group_rows + kTaps, image, 2 * first_y - p.pad_h,
                     2 * first_x - p.pad_w, warp, lane);
  wait_for_copies<0>();
  show_to_copy_engine();
  __syncthreads();

  const int own_row = group * p.group_rows;
  const uint32_t rows =
      shared_address(patch) + static_cast<uint32_t>(4 * own_row * kGroupPoolPatchPitch);
  const Half2 least = half2_of(p.activation == 1 ? 0.0f : -INFINITY);
  const int pool_rows = min(p.group_rows, p.pool_height - first_row - own_row);
  if (pool_rows <= 0) return;
  Half2 largest[2][kTilesN];
  // Even rows of the convolution, and odd ones: a row is multiplied while the one before is used.
  float even[1][kTilesN][4], odd[1][kTilesN][4];
  const auto multiply = [&](float(&sums)[1][kTilesN][4], int row) {
#pragma unroll
    for (int j = 0; j < kTilesN; ++j) {
#pragma unroll
      for (int e = 0; e < 4; ++e) sums[0][j][e] = 0.0f;
    }
    start_products();
#pragma unroll
    for (int tap = 0; tap < kTaps; ++tap) {
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        multiply_group_half(
            sums,
            plain_matrix_at(
                rows + static_cast<uint32_t>((2 * row + tap) * kGroupPoolPatchPitch + half * 32),
                16),
            plain_matrix_at(weights + static_cast<uint32_t>(tap * 4 + half * 2) * kChunkBytes,
                            kChunkBytes));
      }
    }
    commit_products();
  };
  // take(value, half, tile): of a row whose products are through.
  const auto for_values = [&](float(&sums)[1][kTilesN][4], int row, const auto& take) {
    keep_in_place(sums);
    const bool inside =
        static_cast<unsigned>(first_y + 2 * own_row + row) < static_cast<unsigned>(p.out_height);
#pragma unroll
    for (int j = 0; j < kTilesN; ++j) {
      const float2 bias = *reinterpret_cast<const float2*>(biases + j * 8 + (lane & 3) * 2);
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        take(inside ? __hmax2_nan(half2_of(sums[0][j][half * 2] + bias.x,
                                           sums[0][j][half * 2 + 1] + bias.y),
                                  least)
                    : half2_of(-INFINITY),
             half, j);
      }
    }
  };
  multiply(even, 0);
  wait_to_write(p.inputs_pending);
#pragma unroll 1
  for (int i = 0; i <= pool_rows; ++i) {
    if (i < pool_rows) {
      multiply(odd, 2 * i + 1);
      wait_for_products<1>();
    } else {
      wait_for_products<0>();
    }
    // The last row of a window is the first of the next.
    for_values(even, 2 * i, [&](Half2 value, int half, int j) {
      if (i > 0) {
        *reinterpret_cast<Half2*>(
            result + (warp % 4 * 16 + half * 8 + (lane >> 2)) * kGroupPoolResultPitch +
            (j * 8 + (lane & 3) * 2) * 2) = __hmax2_nan(largest[half][j], value);
      }
      largest[half][j] = value;
    });
    if (i < pool_rows) multiply(even, 2 * i + 2);
    if (i > 0) {
      meet_threads(1 + group, 128);
      write_maxima(p, result, image, first_row + own_row + i - 1, first_x, first_output,
                   thread % 128);
      meet_threads(1 + group, 128);
    }
    if (i == pool_rows) break;
    wait_for_products<1>();
    for_values(odd, 2 * i + 1, [&](Half2 value, int half, int j) {
      largest[half][j] = __hmax2_nan(largest[half][j], value);
    });
  }
}

}  // namespace
#define TENDON_STEM_BODY(TYPE) convolve_and_pool<TYPE>(p)
#else
// Other architectures have no such instructions and therefore no row for it.
#define TENDON_STEM_BODY(TYPE)
#endif
#define TENDON_STEM_GROUP(NAME, SOURCE, TYPE)                                  \
  extern "C" __global__ void __launch_bounds__(kGroupPoolThreads, 2)           \
      stem_group_##NAME##_##SOURCE(const __grid_constant__ StemParameters p) { \
    TENDON_STEM_BODY(TYPE);                                                    \
  }
#define TENDON_STEM_GROUPS(NAME)      \
  TENDON_STEM_GROUP(NAME, NAME, Half) \
  TENDON_STEM_GROUP(NAME, f32, float) \
  TENDON_STEM_GROUP(NAME, u8, unsigned char)
TENDON_WITH(TENDON_STEM_GROUPS, TENDON_HALF)

}  // namespace tendon::cuda
