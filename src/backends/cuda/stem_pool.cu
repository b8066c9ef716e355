// The first convolution of a ResNet with the max-pool after it: a block puts its patch of the
// image, with four channels a pixel, and all weights into shared memory; only maxima are written.
#include "codes.cuh"
#include "device_math.cuh"
#include "stem_parameters.h"

namespace tendon::cuda {
namespace {

constexpr int kTaps = 7;
constexpr int kPackedColumns = 8;  // of a window, the last with zero weights
constexpr int kRows = 2 * kPoolRows + 1;
constexpr int kColumns = 32;  // one more than the maxima need
static_assert(kColumns == 2 * (kPoolColumns + 1) && kPoolThreads == kRows * 32);

/// Both factors are TF32 numbers already.
struct RoundedTf32 {
  using Element = float;
  static __device__ __forceinline__ float prepare(float x) {
    return __uint_as_float(tf32_from_float(x));
  }
  static __device__ __forceinline__ void multiply(float (&c)[4], const uint32_t (&a)[4],
                                                  uint32_t b0, uint32_t b1) {
    multiply_tf32(c, a, b0, b1);
  }
};
/// As three products of TF32 numbers.
struct Float {
  using Element = float;
  static __device__ __forceinline__ float prepare(float x) { return x; }
  static __device__ __forceinline__ void multiply(float (&c)[4], const uint32_t (&a)[4],
                                                  uint32_t b0, uint32_t b1) {
    FloatArithmetic::multiply(c, FloatArithmetic::prepare_a(a), FloatArithmetic::prepare_b(b0, b1));
  }
};
struct HalfFactors {
  using Element = Half;
  static __device__ __forceinline__ Half prepare(float x) { return from_float<Half>(x); }
  static __device__ __forceinline__ void multiply(float (&c)[4], const uint32_t (&a)[4],
                                                  uint32_t b0, uint32_t b1) {
    multiply_half(c, a, b0, b1);
  }
};

template <class Element>
struct Layout {
  struct alignas(4 * sizeof(Element)) Pixel {
    Element values[4];
  };
  struct alignas(2 * sizeof(Element)) Pair {
    Element values[2];
  };
  static constexpr int kPatchRows = 2 * kRows + kTaps - 2;
  static constexpr int kPatchColumns = 2 * kColumns + kTaps - 1;
  static constexpr int kPixelBytes = sizeof(Pixel);
  static constexpr int kPatchPitch = kPatchColumns * kPixelBytes;
  static constexpr int kRunBytes = kPackedColumns * kPixelBytes;
  // An odd number of 16 bytes: eight rows meet every bank once.
  static constexpr int kWeightPitch = kTaps * kRunBytes + 16;
  static constexpr int kWeightBytes = kStemOutputs * kWeightPitch;
  static constexpr int kResultPitch = kStemOutputs + 16 / static_cast<int>(sizeof(Element));
  static_assert(kPatchPitch % 16 == 0);
  static_assert(kWeightBytes + kPatchRows * kPatchPitch <= pool_shared_bytes(sizeof(Element)));
  static_assert(kRows * kColumns * kResultPitch * static_cast<int>(sizeof(Element)) <=
                pool_shared_bytes(sizeof(Element)));
};

/// The patch whose first pixel is (first_y, first_x), less `offset`; zeros beyond the image.
template <class Source, class Arithmetic>
__device__ __forceinline__ void load_patch(const StemParameters& p, unsigned char* patch, int image,
                                           int first_y, int first_x, const float (&offset)[4]) {
  using L = Layout<typename Arithmetic::Element>;
  // A thread keeps its column.
  constexpr int kThreadColumns = 72;
  constexpr int kThreadRows = kPoolThreads / kThreadColumns;
  constexpr int kPasses = (L::kPatchRows + kThreadRows - 1) / kThreadRows;
  static_assert(kThreadRows * kThreadColumns == kPoolThreads && kThreadColumns >= L::kPatchColumns);
  const int column = static_cast<int>(threadIdx.x) % kThreadColumns;
  const int first_row = static_cast<int>(threadIdx.x) / kThreadColumns;
  if (column >= L::kPatchColumns) return;
  const bool column_inside =
      static_cast<unsigned>(first_x + column) < static_cast<unsigned>(p.width);
  const auto is_inside = [&](int row) {
    return column_inside && static_cast<unsigned>(first_y + row) < static_cast<unsigned>(p.height);
  };
  const auto* const from = static_cast<const Source*>(p.x) + image * p.steps.image +
                           static_cast<long long>(first_x + column) * p.steps.pixel;
  // All loads of a thread are on their way before the first is used.
  Source loaded[kPasses][4];
#pragma unroll
  for (int pass = 0; pass < kPasses; ++pass) {
    const int row = first_row + pass * kThreadRows;
    if (row >= L::kPatchRows || !is_inside(row)) continue;
    const Source* const pixel = from + static_cast<long long>(first_y + row) * p.steps.row;
#pragma unroll
    for (int c = 0; c < 4; ++c) {
      if (c < p.channels) {
        loaded[pass][c] = pixel[c * static_cast<long long>(p.steps.channel)];
      }
    }
  }
#pragma unroll
  for (int pass = 0; pass < kPasses; ++pass) {
    const int row = first_row + pass * kThreadRows;
    if (row >= L::kPatchRows) continue;
    const bool inside = is_inside(row);
    typename L::Pixel pixel;
#pragma unroll
    for (int c = 0; c < 4; ++c) {
      const bool present = inside && c < p.channels;
      pixel.values[c] = Arithmetic::prepare(present ? to_float(loaded[pass][c]) - offset[c] : 0.0f);
    }
    reinterpret_cast<typename L::Pixel*>(patch)[row * L::kPatchColumns + column] = pixel;
  }
}

/// From the block's convolution in shared memory, of which row and column 0 are (first_y, first_x),
/// to maxima over 3x3 windows with stride 2.
template <class Element>
__device__ __forceinline__ void write_maxima(const StemParameters& p, const Element* result,
                                             int image, int first_y, int first_x,
                                             int first_output) {
  using L = Layout<Element>;
  constexpr int kCount = Pack<Element>::kCount;
  constexpr int kPacks = kStemOutputs / kCount;
  for (int i = static_cast<int>(threadIdx.x); i < kPoolRows * kPoolColumns * kPacks;
       i += kPoolThreads) {
    const int pack = i % kPacks;
    const int column = i / kPacks % kPoolColumns;
    const int row = i / kPacks / kPoolColumns;
    const int y = static_cast<int>(blockIdx.y) * kPoolRows + row;
    const int x = static_cast<int>(blockIdx.x) * kPoolColumns + column;
    const int output = first_output + pack * kCount;
    if (y >= p.pool_height || x >= p.pool_width || output >= p.outputs) continue;
    float largest[kCount];
#pragma unroll
    for (int e = 0; e < kCount; ++e) largest[e] = -INFINITY;
#pragma unroll
    for (int tap = 0; tap < 9; ++tap) {
      const int from_row = 2 * row + tap / 3;
      const int from_column = 2 * column + tap % 3;
      if (static_cast<unsigned>(first_y + from_row) >= static_cast<unsigned>(p.out_height) ||
          static_cast<unsigned>(first_x + from_column) >= static_cast<unsigned>(p.out_width)) {
        continue;
      }
      const Pack<Element> found =
          load_pack(result + (from_row * kColumns + from_column) * L::kResultPitch + pack * kCount);
#pragma unroll
      for (int e = 0; e < kCount; ++e) {
        const float value = to_float(found.values[e]);
        if (value > largest[e] || value != value) largest[e] = value;
      }
    }
    const long long place =
        (static_cast<long long>(image * p.pool_height + y) * p.pool_width + x) * p.outputs + output;
    if (p.codes) {
      const float s = p.codes_per_unit;
#pragma unroll
      for (int e = 0; e < kCount; e += 4) {
        *reinterpret_cast<uint32_t*>(static_cast<unsigned char*>(p.y) + place + e) =
            four_codes(largest[e] * s, largest[e + 1] * s, largest[e + 2] * s, largest[e + 3] * s,
                       p.codes_signed);
      }
      continue;
    }
    Pack<Element> written;
#pragma unroll
    for (int e = 0; e < kCount; ++e) written.values[e] = from_float<Element>(largest[e]);
    store_pack(static_cast<Element*>(p.y) + place, written);
  }
}

template <class Source, class Arithmetic>
__device__ __forceinline__ void convolve_and_pool(const StemParameters& p) {
  using Element = typename Arithmetic::Element;
  using L = Layout<Element>;
  extern __shared__ __align__(128) unsigned char memory[];
  const int thread = static_cast<int>(threadIdx.x);
  const int lane = thread & 31;
  const int warp = thread >> 5;
  const int first_x = 2 * static_cast<int>(blockIdx.x) * kPoolColumns - 1;
  const int first_y = 2 * static_cast<int>(blockIdx.y) * kPoolRows - 1;
  const int groups = (p.outputs + kStemOutputs - 1) / kStemOutputs;
  const int image = static_cast<int>(blockIdx.z) / groups;
  const int first_output = static_cast<int>(blockIdx.z) % groups * kStemOutputs;

  const uint32_t weights = shared_address(memory);
  const uint32_t patch = weights + L::kWeightBytes;
  constexpr int kRowChunks = kTaps * L::kRunBytes / 16;
  for (int i = thread; i < kStemOutputs * kRowChunks; i += kPoolThreads) {
    const int row = i / kRowChunks;
    const int chunk = i % kRowChunks;
    copy_async(weights + static_cast<uint32_t>(row * L::kWeightPitch + chunk * 16),
               static_cast<const unsigned char*>(p.weight) +
                   static_cast<long long>(first_output + row) * kTaps * L::kRunBytes + chunk * 16,
               true);
  }
  commit_copies();
  float offset[4];
#pragma unroll
  for (int c = 0; c < 4; ++c) {
    offset[c] = p.offset != nullptr && c < p.channels ? p.offset[c] : 0.0f;
  }
  wait_to_read(p.inputs_pending);
  load_patch<Source, Arithmetic>(p, memory + L::kWeightBytes, image, 2 * first_y - p.pad_h,
                                 2 * first_x - p.pad_w, offset);
  wait_for_copies<0>();
  __syncthreads();

  // A warp makes one row of 32 pixels, all outputs.
  constexpr int kTilesM = 2;
  constexpr int kTilesN = kStemOutputs / 8;
  float sums[kTilesM][kTilesN][4] = {};
  const uint32_t pixels =
      patch + static_cast<uint32_t>(warp * 2 * L::kPatchPitch + (lane & 15) * 2 * L::kPixelBytes +
                                    (lane >> 4) * 16);
  const uint32_t rows =
      weights + static_cast<uint32_t>(((lane & 7) + ((lane >> 4) << 3)) * L::kWeightPitch +
                                      ((lane >> 3) & 1) * 16);
#pragma unroll 1
  for (int tap = 0; tap < kTaps; ++tap) {
#pragma unroll
    for (int step = 0; step < L::kRunBytes / 32; ++step) {
      uint32_t a[kTilesM][4];
#pragma unroll
      for (int i = 0; i < kTilesM; ++i) {
        load_matrices(a[i],
                      pixels + static_cast<uint32_t>(tap * L::kPatchPitch +
                                                     i * 16 * 2 * L::kPixelBytes + step * 32));
      }
#pragma unroll
      for (int j = 0; j < kTilesN; j += 2) {
        uint32_t b[4];
        load_matrices(b, rows + static_cast<uint32_t>(j * 8 * L::kWeightPitch + tap * L::kRunBytes +
                                                      step * 32));
#pragma unroll
        for (int i = 0; i < kTilesM; ++i) {
          Arithmetic::multiply(sums[i][j], a[i], b[0], b[1]);
          Arithmetic::multiply(sums[i][j + 1], a[i], b[2], b[3]);
        }
      }
    }
  }
  __syncthreads();

  auto* const result = reinterpret_cast<Element*>(memory);
#pragma unroll
  for (int j = 0; j < kTilesN; ++j) {
    const int column = j * 8 + (lane & 3) * 2;
    float bias[2] = {};
    if (p.bias != nullptr) {
#pragma unroll
      for (int e = 0; e < 2; ++e) {
        const int output = first_output + column + e;
        if (output < p.outputs) bias[e] = to_float(static_cast<const Element*>(p.bias)[output]);
      }
    }
#pragma unroll
    for (int i = 0; i < kTilesM; ++i) {
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        const int pixel = warp * kColumns + i * 16 + half * 8 + (lane >> 2);
        typename L::Pair pair;
#pragma unroll
        for (int e = 0; e < 2; ++e) {
          pair.values[e] =
              from_float<Element>(activate(sums[i][j][half * 2 + e] + bias[e], p.activation));
        }
        *reinterpret_cast<typename L::Pair*>(result + pixel * L::kResultPitch + column) = pair;
      }
    }
  }
  __syncthreads();
  wait_to_write(p.inputs_pending);
  write_maxima(p, result, image, first_y, first_x, first_output);
}

}  // namespace

#define TENDON_STEM_POOL(NAME, ARITHMETIC, SOURCE, TYPE)                      \
  extern "C" __global__ void __launch_bounds__(kPoolThreads, 2)               \
      stem_pool_##NAME##_##SOURCE(const __grid_constant__ StemParameters p) { \
    convolve_and_pool<TYPE, ARITHMETIC>(p);                                   \
  }
#define TENDON_STEM_POOLS(NAME, ARITHMETIC)      \
  TENDON_STEM_POOL(NAME, ARITHMETIC, f32, float) \
  TENDON_STEM_POOL(NAME, ARITHMETIC, u8, unsigned char)
// Images of the 16-bit type may become any, and any images factors of it.
#define TENDON_STEM_POOLS_OF_HALF(NAME)           \
  TENDON_STEM_POOLS(NAME, HalfFactors)            \
  TENDON_STEM_POOL(NAME, HalfFactors, NAME, Half) \
  TENDON_STEM_POOL(tf32, RoundedTf32, NAME, Half) \
  TENDON_STEM_POOL(f32, Float, NAME, Half)

TENDON_WITH(TENDON_STEM_POOLS_OF_HALF, TENDON_HALF)
#ifndef TENDON_BFLOAT16
TENDON_STEM_POOLS(tf32, RoundedTf32)
TENDON_STEM_POOLS(f32, Float)
#endif

}  // namespace tendon::cuda
