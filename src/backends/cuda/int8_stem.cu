// The first convolution of a ResNet with the max-pool after it, on 8-bit codes of the image that
// are made on the way: a block puts its patch, four channels a pixel, and all weights into shared
// memory.
#include "codes.cuh"
#include "int8_stem_parameters.h"

namespace tendon::cuda {
namespace {

constexpr int kTaps = 7;
constexpr int kRows = 2 * kInt8StemRows + 1;
constexpr int kColumns = 32;  // one more than the maxima need
constexpr int kPatchRows = 2 * kRows + kTaps - 2;
constexpr int kPatchColumns = 2 * kColumns + kTaps - 1;
constexpr int kPixelBytes = 4;
constexpr int kPatchPitch = kPatchColumns * kPixelBytes;
constexpr int kRunBytes = 8 * kPixelBytes;  // of a window's row, the last pixel with zero weights
// An odd number of 16 bytes: eight rows meet every bank once.
constexpr int kWeightPitch = kTaps * kRunBytes + 16;
constexpr int kWeightBytes = kInt8StemOutputs * kWeightPitch;
constexpr int kResultPitch = kInt8StemOutputs + 16;
static_assert(kColumns == 2 * (kInt8StemColumns + 1) && kInt8StemThreads == kRows * 32);
static_assert(kWeightBytes + kPatchRows * kPatchPitch <= kInt8StemSharedBytes);
static_assert(kRows * kColumns * kResultPitch <= kInt8StemSharedBytes);

/// The patch whose first pixel is (first_y, first_x).
template <class Source>
__device__ __forceinline__ void load_patch(const Int8StemParameters& p, uint32_t* patch, int image,
                                           int first_y, int first_x) {
  // A thread keeps its column.
  constexpr int kThreadColumns = 72;
  constexpr int kThreadRows = kInt8StemThreads / kThreadColumns;
  constexpr int kPasses = (kPatchRows + kThreadRows - 1) / kThreadRows;
  static_assert(kThreadRows * kThreadColumns == kInt8StemThreads);
  const int column = static_cast<int>(threadIdx.x) % kThreadColumns;
  const int first_row = static_cast<int>(threadIdx.x) / kThreadColumns;
  if (column >= kPatchColumns) return;
  const bool column_inside =
      static_cast<unsigned>(first_x + column) < static_cast<unsigned>(p.width);
  const auto is_inside = [&](int row) {
    return column_inside && static_cast<unsigned>(first_y + row) < static_cast<unsigned>(p.height);
  };
  const auto* const from = static_cast<const Source*>(p.x) + image * p.steps.image +
                           static_cast<long long>(first_x + column) * p.steps.pixel;
  // All loads of a thread are on their way before the first is used.
  Source loaded[kPasses][3];
#pragma unroll
  for (int pass = 0; pass < kPasses; ++pass) {
    const int row = first_row + pass * kThreadRows;
    if (row >= kPatchRows || !is_inside(row)) continue;
    const Source* const pixel = from + static_cast<long long>(first_y + row) * p.steps.row;
#pragma unroll
    for (int c = 0; c < 3; ++c) {
      if (c < p.channels) loaded[pass][c] = pixel[c * static_cast<long long>(p.steps.channel)];
    }
  }
#pragma unroll
  for (int pass = 0; pass < kPasses; ++pass) {
    const int row = first_row + pass * kThreadRows;
    if (row >= kPatchRows) continue;
    float units[4] = {};
#pragma unroll
    for (int c = 0; c < 3; ++c) {
      if (c < p.channels) units[c] = (to_float(loaded[pass][c]) - p.offset) * p.codes_of_x;
    }
    const uint32_t inside = static_cast<uint32_t>(p.inside & 0xff) << 8 * p.channels;
    const uint32_t pixel = four_codes<true>(units[0], units[1], units[2], units[3]) | inside;
    patch[row * kPatchColumns + column] = is_inside(row) ? pixel : 0;
  }
}

__device__ __forceinline__ uint32_t largest_of(uint32_t a, uint32_t b, bool is_signed) {
  return is_signed ? __vmaxs4(a, b) : __vmaxu4(a, b);
}

/// From the block's convolution in shared memory, of which row and column 0 are (first_y, first_x),
/// to maxima over 3x3 windows with stride 2.
__device__ __forceinline__ void write_maxima(const Int8StemParameters& p,
                                             const unsigned char* result, int image, int first_y,
                                             int first_x, int first_output) {
  constexpr int kCount = 16;
  constexpr int kPacks = kInt8StemOutputs / kCount;
  for (int i = static_cast<int>(threadIdx.x); i < kInt8StemRows * kInt8StemColumns * kPacks;
       i += kInt8StemThreads) {
    const int pack = i % kPacks;
    const int column = i / kPacks % kInt8StemColumns;
    const int row = i / kPacks / kInt8StemColumns;
    const int y = static_cast<int>(blockIdx.y) * kInt8StemRows + row;
    const int x = static_cast<int>(blockIdx.x) * kInt8StemColumns + column;
    const int output = first_output + pack * kCount;
    if (y >= p.pool_height || x >= p.pool_width || output >= p.outputs) continue;
    const uint32_t least = p.codes_signed ? 0x80808080u : 0u;
    uint4 largest = make_uint4(least, least, least, least);
#pragma unroll
    for (int tap = 0; tap < 9; ++tap) {
      const int from_row = 2 * row + tap / 3;
      const int from_column = 2 * column + tap % 3;
      if (static_cast<unsigned>(first_y + from_row) >= static_cast<unsigned>(p.out_height) ||
          static_cast<unsigned>(first_x + from_column) >= static_cast<unsigned>(p.out_width)) {
        continue;
      }
      const uint4 found = *reinterpret_cast<const uint4*>(
          result + (from_row * kColumns + from_column) * kResultPitch + pack * kCount);
      largest.x = largest_of(largest.x, found.x, p.codes_signed);
      largest.y = largest_of(largest.y, found.y, p.codes_signed);
      largest.z = largest_of(largest.z, found.z, p.codes_signed);
      largest.w = largest_of(largest.w, found.w, p.codes_signed);
    }
    *reinterpret_cast<uint4*>(
        static_cast<unsigned char*>(p.y) +
        (static_cast<long long>(image * p.pool_height + y) * p.pool_width + x) * p.outputs +
        output) = largest;
  }
}

template <class Source>
__device__ __forceinline__ void convolve_and_pool(const Int8StemParameters& p) {
  extern __shared__ __align__(128) unsigned char memory[];
  const int thread = static_cast<int>(threadIdx.x);
  const int lane = thread & 31;
  const int warp = thread >> 5;
  const int first_x = 2 * static_cast<int>(blockIdx.x) * kInt8StemColumns - 1;
  const int first_y = 2 * static_cast<int>(blockIdx.y) * kInt8StemRows - 1;
  const int groups = (p.outputs + kInt8StemOutputs - 1) / kInt8StemOutputs;
  const int image = static_cast<int>(blockIdx.z) / groups;
  const int first_output = static_cast<int>(blockIdx.z) % groups * kInt8StemOutputs;

  const uint32_t weights = shared_address(memory);
  constexpr int kRowChunks = kTaps * kRunBytes / 16;
  for (int i = thread; i < kInt8StemOutputs * kRowChunks; i += kInt8StemThreads) {
    const int row = i / kRowChunks;
    const int chunk = i % kRowChunks;
    copy_async(weights + static_cast<uint32_t>(row * kWeightPitch + chunk * 16),
               static_cast<const unsigned char*>(p.weight) +
                   static_cast<long long>(first_output + row) * kTaps * kRunBytes + chunk * 16,
               true);
  }
  commit_copies();
  wait_to_read(p.inputs_pending);
  auto* const patch = reinterpret_cast<uint32_t*>(memory + kWeightBytes);
  load_patch<Source>(p, patch, image, 2 * first_y - p.pad_h, 2 * first_x - p.pad_w);
  wait_for_copies<0>();
  __syncthreads();

  // A warp makes one row of 32 pixels, all outputs; a window's row is one step of k.
  constexpr int kTilesM = 2;
  constexpr int kTilesN = kInt8StemOutputs / 8;
  int sums[kTilesM][kTilesN][4] = {};
  const uint32_t* const pixels = patch + warp * 2 * kPatchColumns + (lane >> 2) * 2 + (lane & 3);
  const uint32_t rows =
      weights + static_cast<uint32_t>(((lane & 7) + ((lane >> 4) << 3)) * kWeightPitch +
                                      ((lane >> 3) & 1) * 16);
#pragma unroll
  for (int tap = 0; tap < kTaps; ++tap) {
    uint32_t a[kTilesM][4];
#pragma unroll
    for (int i = 0; i < kTilesM; ++i) {
#pragma unroll
      for (int e = 0; e < 4; ++e) {
        a[i][e] = pixels[tap * kPatchColumns + (i * 16 + e % 2 * 8) * 2 + e / 2 * 4];
      }
    }
#pragma unroll
    for (int j = 0; j < kTilesN; j += 2) {
      uint32_t b[4];
      load_matrices(b, rows + static_cast<uint32_t>(j * 8 * kWeightPitch + tap * kRunBytes));
#pragma unroll
      for (int i = 0; i < kTilesM; ++i) {
        multiply_codes<true>(sums[i][j], a[i], b[0], b[1]);
        multiply_codes<true>(sums[i][j + 1], a[i], b[2], b[3]);
      }
    }
  }
  __syncthreads();

  // Codes are what is clamped here, so that Relu is a bound like theirs.
  const float least = p.codes_signed && p.activation != 1 ? -128.0f : 0.0f;
  const float most = p.codes_signed ? 127.0f : 255.0f;
  const auto bits_of = [&](int sum, float scale, float bias) {
    constexpr float kRound = 12582912.0f;  // leaves the nearest integer in the last byte
    const float value = fmaf(static_cast<float>(sum), scale, bias);
    return __float_as_uint(__fadd_rn(fminf(fmaxf(value, least), most), kRound));
  };
#pragma unroll
  for (int j = 0; j < kTilesN; ++j) {
    const int column = j * 8 + (lane & 3) * 2;
    float2 scale = {};
    float2 bias = {};
    if (first_output + column < p.outputs) {
      scale = *reinterpret_cast<const float2*>(p.scale + first_output + column);
      if (p.bias != nullptr) {
        bias = *reinterpret_cast<const float2*>(p.bias + first_output + column);
      }
    }
    scale.x *= p.codes_per_unit;
    scale.y *= p.codes_per_unit;
    bias.x *= p.codes_per_unit;
    bias.y *= p.codes_per_unit;
#pragma unroll
    for (int i = 0; i < kTilesM; ++i) {
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        const int pixel = warp * kColumns + i * 16 + half * 8 + (lane >> 2);
        const uint32_t pair =
            __byte_perm(bits_of(sums[i][j][half * 2], scale.x, bias.x),
                        bits_of(sums[i][j][half * 2 + 1], scale.y, bias.y), 0x0040);
        *reinterpret_cast<unsigned short*>(memory + pixel * kResultPitch + column) =
            static_cast<unsigned short>(pair);
      }
    }
  }
  __syncthreads();
  wait_to_write(p.inputs_pending);
  write_maxima(p, memory, image, first_y, first_x, first_output);
}

}  // namespace

#define TENDON_INT8_STEM(SOURCE, TYPE)                                   \
  extern "C" __global__ void __launch_bounds__(kInt8StemThreads, 2)      \
      int8_stem_##SOURCE(const __grid_constant__ Int8StemParameters p) { \
    convolve_and_pool<TYPE>(p);                                          \
  }
TENDON_INT8_STEM(f32, float)
TENDON_INT8_STEM(u8, unsigned char)

}  // namespace tendon::cuda
