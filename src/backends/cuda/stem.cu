// The first convolution of a ResNet: a block puts its patch of the image, with four channels a
// pixel, and all weights into shared memory and then multiplies without waiting again. A row of a
// window is one run of 64 bytes.
#include "device_math.cuh"
#include "stem_parameters.h"

namespace tendon::cuda {
namespace {

constexpr int kTaps = 7;
constexpr int kRunBytes = 64;  // 8 pixels of 4 channels, the last with zero weights
constexpr int kPatchRows = 2 * kStemRows + kTaps - 2;
constexpr int kPatchColumns = 2 * kStemColumns + kTaps - 1;
constexpr int kPixelBytes = 8;
constexpr int kPatchPitch = kPatchColumns * kPixelBytes;
// An odd number of 16 bytes: eight rows meet every bank once.
constexpr int kWeightPitch = kTaps * kRunBytes + 16;
constexpr int kResultPitch = kStemOutputs + 8;
constexpr int kWeightBytes = kStemOutputs * kWeightPitch;
constexpr int kPatchBytes = kPatchRows * kPatchPitch;
constexpr int kResultBytes = kStemRows * kStemColumns * kResultPitch * 2;
static_assert(kPatchPitch % 16 == 0);
static_assert(kWeightBytes + kPatchBytes == kStemSharedBytes && kResultBytes <= kStemSharedBytes);

__device__ __forceinline__ unsigned pack_pair(Half low, Half high) {
  return pack_halves(Half2(low, high));
}

template <class Source>
__device__ __forceinline__ void convolve(const StemParameters& p) {
  extern __shared__ __align__(128) unsigned char memory[];
  const int thread = static_cast<int>(threadIdx.x);
  const int lane = thread & 31;
  const int warp = thread >> 5;
  const int first_x = static_cast<int>(blockIdx.x) * kStemColumns;
  const int first_y = static_cast<int>(blockIdx.y) * kStemRows;
  const int groups = (p.outputs + kStemOutputs - 1) / kStemOutputs;
  const int image = static_cast<int>(blockIdx.z) / groups;
  const int first_output = static_cast<int>(blockIdx.z) % groups * kStemOutputs;

  const uint32_t weights = shared_address(memory);
  const uint32_t patch = weights + kWeightBytes;
  constexpr int kRowChunks = kTaps * kRunBytes / 16;
  for (int i = thread; i < kStemOutputs * kRowChunks; i += kStemThreads) {
    const int row = i / kRowChunks;
    const int chunk = i % kRowChunks;
    copy_async(weights + static_cast<uint32_t>(row * kWeightPitch + chunk * 16),
               static_cast<const unsigned char*>(p.weight) +
                   static_cast<long long>(first_output + row) * kTaps * kRunBytes + chunk * 16,
               true);
  }
  commit_copies();
  wait_to_read(p.inputs_pending);
  // All loads of a thread are on their way before the first is used.
  constexpr int kPixels = kPatchRows * kPatchColumns;
  constexpr int kPasses = (kPixels + kStemThreads - 1) / kStemThreads;
  Source loaded[kPasses][4];
  const auto place_of = [&](int pass) { return thread + pass * kStemThreads; };
  const auto y_of = [&](int i) { return 2 * first_y - p.pad_h + i / kPatchColumns; };
  const auto x_of = [&](int i) { return 2 * first_x - p.pad_w + i % kPatchColumns; };
  const auto is_inside = [&](int i) {
    return i < kPixels && static_cast<unsigned>(y_of(i)) < static_cast<unsigned>(p.height) &&
           static_cast<unsigned>(x_of(i)) < static_cast<unsigned>(p.width);
  };
#pragma unroll
  for (int pass = 0; pass < kPasses; ++pass) {
    const int i = place_of(pass);
    const bool inside = is_inside(i);
    const auto* const from =
        static_cast<const Source*>(p.x) +
        (inside ? image * p.steps.image + static_cast<long long>(y_of(i)) * p.steps.row +
                      x_of(i) * p.steps.pixel
                : 0);
#pragma unroll
    for (int c = 0; c < 4; ++c) {
      if (inside && c < p.channels)
        loaded[pass][c] = from[c * static_cast<long long>(p.steps.channel)];
    }
  }
  float offset[4];
#pragma unroll
  for (int c = 0; c < 4; ++c) {
    offset[c] = p.offset != nullptr && c < p.channels ? p.offset[c] : 0.0f;
  }
#pragma unroll
  for (int pass = 0; pass < kPasses; ++pass) {
    const int i = place_of(pass);
    if (i >= kPixels) continue;
    Half pixel[4];
#pragma unroll
    for (int c = 0; c < 4; ++c) {
      pixel[c] = from_float<Half>(
          is_inside(i) && c < p.channels ? to_float(loaded[pass][c]) - offset[c] : 0.0f);
    }
    const uint2 packed = {pack_pair(pixel[0], pixel[1]), pack_pair(pixel[2], pixel[3])};
    *reinterpret_cast<uint2*>(memory + kWeightBytes + i / kPatchColumns * kPatchPitch +
                              i % kPatchColumns * kPixelBytes) = packed;
  }
  wait_for_copies<0>();
  __syncthreads();

  // Warps 4 x 2: 64 pixels, which are two rows, and 32 outputs each.
  constexpr int kTilesM = 4;
  constexpr int kTilesN = 4;
  const int warp_m = warp % 4;
  const int warp_n = warp / 4;
  float sums[kTilesM][kTilesN][4] = {};
  const uint32_t pixels =
      patch + static_cast<uint32_t>(warp_m * 2 * 2 * kPatchPitch + (lane & 15) * 2 * kPixelBytes +
                                    (lane >> 4) * 16);
  const uint32_t rows =
      weights +
      static_cast<uint32_t>((warp_n * 32 + (lane & 7) + ((lane >> 4) << 3)) * kWeightPitch +
                            ((lane >> 3) & 1) * 16);
#pragma unroll
  for (int tap = 0; tap < kTaps; ++tap) {
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      uint32_t a[kTilesM][4];
#pragma unroll
      for (int i = 0; i < kTilesM; ++i) {
        load_matrices(a[i],
                      pixels + static_cast<uint32_t>((i / 2 * 2 + tap) * kPatchPitch +
                                                     i % 2 * 16 * 2 * kPixelBytes + half * 32));
      }
#pragma unroll
      for (int j = 0; j < kTilesN; j += 2) {
        uint32_t b[4];
        load_matrices(
            b, rows + static_cast<uint32_t>(j * 8 * kWeightPitch + tap * kRunBytes + half * 32));
#pragma unroll
        for (int i = 0; i < kTilesM; ++i) {
          multiply_half(sums[i][j], a[i], b[0], b[1]);
          multiply_half(sums[i][j + 1], a[i], b[2], b[3]);
        }
      }
    }
  }
  __syncthreads();

  auto* const result = reinterpret_cast<Half*>(memory);
#pragma unroll
  for (int j = 0; j < kTilesN; ++j) {
    const int column = warp_n * 32 + j * 8 + (lane & 3) * 2;
    float bias[2] = {};
    if (p.bias != nullptr) {
#pragma unroll
      for (int e = 0; e < 2; ++e) {
        const int output = first_output + column + e;
        if (output < p.outputs) bias[e] = to_float(static_cast<const Half*>(p.bias)[output]);
      }
    }
#pragma unroll
    for (int i = 0; i < kTilesM; ++i) {
#pragma unroll
      for (int part = 0; part < 2; ++part) {
        const int row = warp_m * 64 + i * 16 + part * 8 + (lane >> 2);
        *reinterpret_cast<Half2*>(result + row * kResultPitch + column) =
            half2_of(activate(sums[i][j][part * 2] + bias[0], p.activation),
                     activate(sums[i][j][part * 2 + 1] + bias[1], p.activation));
      }
    }
  }
  __syncthreads();
  wait_to_write(p.inputs_pending);
  constexpr int kPacks = kStemOutputs / 8;
  for (int i = thread; i < kStemRows * kStemColumns * kPacks; i += kStemThreads) {
    const int row = i / kPacks;
    const int y = first_y + row / kStemColumns;
    const int x = first_x + row % kStemColumns;
    const int output = first_output + i % kPacks * 8;
    if (y >= p.out_height || x >= p.out_width || output >= p.outputs) continue;
    store_pack(
        static_cast<Half*>(p.y) +
            (static_cast<long long>(image * p.out_height + y) * p.out_width + x) * p.outputs +
            output,
        load_pack(result + row * kResultPitch + i % kPacks * 8));
  }
}

}  // namespace

// The 16-bit type is that of the weights and the result, SOURCE that of the images.
#define TENDON_STEM(NAME, SOURCE, TYPE)                                  \
  extern "C" __global__ void __launch_bounds__(kStemThreads, 2)          \
      stem_##NAME##_##SOURCE(const __grid_constant__ StemParameters p) { \
    convolve<TYPE>(p);                                                   \
  }
#define TENDON_STEMS(NAME)      \
  TENDON_STEM(NAME, NAME, Half) \
  TENDON_STEM(NAME, f32, float) \
  TENDON_STEM(NAME, u8, unsigned char)
TENDON_WITH(TENDON_STEMS, TENDON_HALF)

}  // namespace tendon::cuda
