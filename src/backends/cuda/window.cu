// Convolutions with 3x3 windows, stride 1 and a border of 1: a block reads the pixels of its output
// rows and their neighbours once and finds all nine taps of its windows among them.
#include "gemm_common.cuh"

namespace tendon::cuda {
namespace {

constexpr int kTaps = 9;

/// One block makes kRows pixels x kColumns channels of y. kGroups groups of kWarpsM x kWarpsN warps
/// share the sum over 128 bytes of channels. The parameters' height, width and pixel_step
/// (channels) are those of x; k_tiles counts blocks of 128 bytes of channels.
template <class Arithmetic, int kRows, int kColumns, int kWarpsM, int kWarpsN, int kGroups,
          int kStages>
__device__ __forceinline__ void convolve(const GemmParameters& p) {
  using Element = typename Arithmetic::Element;
  constexpr int kGroupThreads = kWarpsM * kWarpsN * 32;
  constexpr int kThreads = kGroupThreads * kGroups;
  constexpr int kWarpRows = kRows / kWarpsM;
  constexpr int kWarpColumns = kColumns / kWarpsN;
  constexpr int kTilesM = kWarpRows / 16;
  constexpr int kTilesN = kWarpColumns / 8;
  constexpr int kSteps = 4 / kGroups;
  constexpr int kRowsPerPass = kThreads / kTileChunks;
  constexpr int kPassesB = kColumns / kRowsPerPass;
  constexpr int kChunk = 16 / static_cast<int>(sizeof(Element));

  extern __shared__ __align__(128) unsigned char memory[];
  const int thread = static_cast<int>(threadIdx.x);
  const int lane = thread & 31;
  const int group = thread / kGroupThreads;
  const int warp = thread % kGroupThreads >> 5;
  const int warp_m = warp % kWarpsM;
  const int warp_n = warp / kWarpsM;
  const int first_row = static_cast<int>(blockIdx.x) * kRows;
  const int first_column = static_cast<int>(blockIdx.y) * kColumns;
  const int split = static_cast<int>(blockIdx.z);
  const int first_block = p.k_tiles * split / p.splits;
  const int blocks = p.k_tiles * (split + 1) / p.splits - first_block;

  // A row of zeros, weights, pixels.
  const uint32_t zeros = shared_address(memory);
  const uint32_t weights = zeros + kTileBytes;
  const uint32_t pixels = weights + kStages * kColumns * kTileBytes;
  if (thread < kTileBytes / 4) reinterpret_cast<uint32_t*>(memory)[thread] = 0;

  const int chunk = thread % kTileChunks;
  const int load_row = thread / kTileChunks;
  const auto* const x = static_cast<const Element*>(p.a);
  const auto* b = static_cast<const Element*>(p.b) +
                  (static_cast<long long>(first_column + load_row) * p.k_tiles + first_block) *
                      kTaps * kTileChunks * kChunk +
                  chunk * kChunk;
  const int b_step = kRowsPerPass * p.k_tiles * kTaps * kTileChunks * kChunk;
  const auto load_weights = [&](int stage) {
#pragma unroll
    for (int i = 0; i < kPassesB; ++i) {
      copy_async(weights + static_cast<uint32_t>(stage * kColumns * kTileBytes +
                                                 swizzled(load_row + i * kRowsPerPass, chunk)),
                 b + static_cast<long long>(i) * b_step, true);
    }
    b += kTileChunks * kChunk;
  };
  const int first_pixel = first_row - p.width - 1;
  const auto load_pixels = [&](int block) {
    const uint32_t to = pixels + static_cast<uint32_t>((block & 1) * p.halo_rows * kTileBytes);
    const Element* const from =
        x + static_cast<long long>(first_block + block) * kTileChunks * kChunk + chunk * kChunk;
    for (int row = load_row; row < p.halo_rows; row += kRowsPerPass) {
      const int pixel = first_pixel + row;
      const bool valid = pixel >= 0 && pixel < p.m;
      copy_async(to + static_cast<uint32_t>(swizzled(row, chunk)),
                 from + (valid ? static_cast<long long>(pixel) * p.pixel_step : 0), valid);
    }
  };

  uint32_t inside[kTilesM];  // a bit for each tap within the image
#pragma unroll
  for (int i = 0; i < kTilesM; ++i) {
    const int pixel = first_row + warp_m * kWarpRows + i * 16 + (lane & 15);
    const int column = pixel % p.width;
    const int row = pixel / p.width % p.height;
    const uint32_t columns = 2u | (column > 0 ? 1u : 0u) | (column + 1 < p.width ? 4u : 0u);
    inside[i] = (row > 0 ? columns : 0u) | columns << 3 | (row + 1 < p.height ? columns << 6 : 0u);
    if (pixel >= p.m) inside[i] = 0;
  }
  float sums[kTilesM][kTilesN][4];
#pragma unroll
  for (int i = 0; i < kTilesM; ++i) {
#pragma unroll
    for (int j = 0; j < kTilesN; ++j) {
#pragma unroll
      for (int e = 0; e < 4; ++e) sums[i][j][e] = 0.0f;
    }
  }

  const int tiles = blocks * kTaps;
  load_weights(0);
  wait_for_previous_kernel();
  load_pixels(0);
  commit_copies();
#pragma unroll
  for (int i = 1; i < kStages - 1; ++i) {
    if (i < tiles) load_weights(i);
    commit_copies();
  }
  const uint32_t chunk_a = static_cast<uint32_t>(lane >> 4);
  const uint32_t row_b =
      static_cast<uint32_t>(warp_n * kWarpColumns + (lane & 7) + ((lane >> 4) << 3));
  const uint32_t chunk_b = static_cast<uint32_t>((lane >> 3) & 1);
  const uint32_t mask_b = static_cast<uint32_t>(lane & 7);
  static_assert(kTaps % kStages == 0);
  const int local_row = warp_m * kWarpRows + (lane & 15);
  int tile = 0;
  for (int block = 0; block < blocks; ++block) {
    const uint32_t block_pixels =
        pixels + static_cast<uint32_t>((block & 1) * p.halo_rows * kTileBytes);
#pragma unroll
    for (int tap = 0; tap < kTaps; ++tap) {
      constexpr int kAhead = kStages - 1;
      const int stage = tap % kStages;
      wait_for_copies<kStages - 2>();
      __syncthreads();
      if (tile + kAhead < tiles) load_weights((stage + kAhead) % kStages);
      if (tap == 0 && block + 1 < blocks) load_pixels(block + 1);
      commit_copies();
      ++tile;
      // Rows of a warp's tiles are 16 apart: the chunks of all of them are mixed alike.
      const int row = local_row + tap / 3 * p.width + tap % 3;
      const uint32_t mask = static_cast<uint32_t>(row & 7);
      const uint32_t first = block_pixels + static_cast<uint32_t>(row * kTileBytes);
      uint32_t rows[kTilesM];
#pragma unroll
      for (int i = 0; i < kTilesM; ++i) {
        rows[i] =
            inside[i] & 1u << tap ? first + static_cast<uint32_t>(i * 16 * kTileBytes) : zeros;
      }
      const uint32_t stage_weights =
          weights + static_cast<uint32_t>(stage * kColumns * kTileBytes) + row_b * kTileBytes;
#pragma unroll
      for (int s = 0; s < kSteps; ++s) {
        const uint32_t step = static_cast<uint32_t>(group * kSteps + s);
        const uint32_t place = ((step * 2 + chunk_a) ^ mask) << 4;
        const uint32_t place_b = ((step * 2 + chunk_b) ^ mask_b) << 4;
        typename Arithmetic::A fragments[kTilesM];
#pragma unroll
        for (int i = 0; i < kTilesM; ++i) {
          uint32_t loaded[4];
          load_matrices(loaded, rows[i] + place);
          fragments[i] = Arithmetic::prepare_a(loaded);
        }
#pragma unroll
        for (int j = 0; j < kTilesN; j += 2) {
          uint32_t loaded[4];
          load_matrices(loaded,
                        stage_weights + place_b + static_cast<uint32_t>(j * 8 * kTileBytes));
          const auto left = Arithmetic::prepare_b(loaded[0], loaded[1]);
          const auto right = Arithmetic::prepare_b(loaded[2], loaded[3]);
#pragma unroll
          for (int i = 0; i < kTilesM; ++i) {
            Arithmetic::multiply(sums[i][j], fragments[i], left);
            Arithmetic::multiply(sums[i][j + 1], fragments[i], right);
          }
        }
      }
    }
  }
  wait_for_copies<0>();
  __syncthreads();

  auto* const staged = reinterpret_cast<float*>(memory);
  if constexpr (kGroups == 2) {
    if (p.splits > 1) {
      // The second group's sums meet the first one's before they leave the block.
      auto* const handed = reinterpret_cast<float4*>(memory);
#pragma unroll
      for (int i = 0; i < kTilesM * kTilesN; ++i) {
        float(&sum)[4] = sums[i / kTilesN][i % kTilesN];
        float4& place = handed[i * kGroupThreads + thread % kGroupThreads];
        if (group == 1) place = make_float4(sum[0], sum[1], sum[2], sum[3]);
      }
      __syncthreads();
      if (group == 0) {
#pragma unroll
        for (int i = 0; i < kTilesM * kTilesN; ++i) {
          float(&sum)[4] = sums[i / kTilesN][i % kTilesN];
          const float4 other = handed[i * kGroupThreads + thread];
          sum[0] += other.x;
          sum[1] += other.y;
          sum[2] += other.z;
          sum[3] += other.w;
        }
      }
      if (!join_splits<kTilesM, kTilesN, kGroupThreads>(p, sums, thread % kGroupThreads,
                                                        group == 0)) {
        return;
      }
    }
    if (group == 0) {
      stage_sums<false, kTilesM, kTilesN, kColumns>(staged, sums, warp_m * kWarpRows,
                                                    warp_n * kWarpColumns, lane);
    }
    __syncthreads();
    if (group == 1 && p.splits == 1) {
      stage_sums<true, kTilesM, kTilesN, kColumns>(staged, sums, warp_m * kWarpRows,
                                                   warp_n * kWarpColumns, lane);
    }
  } else {
    if (p.splits > 1 && !join_splits<kTilesM, kTilesN, kThreads>(p, sums, thread, true)) return;
    stage_sums<false, kTilesM, kTilesN, kColumns>(staged, sums, warp_m * kWarpRows,
                                                  warp_n * kWarpColumns, lane);
  }
  __syncthreads();
  write_result<Element, kRows, kColumns, kThreads>(p, staged, first_row, first_column);
}

}  // namespace

#define TENDON_WINDOW(NAME, ARITHMETIC, ROWS, COLUMNS, WARPS_M, WARPS_N, GROUPS, STAGES, BLOCKS) \
  extern "C" __global__ void __launch_bounds__(WARPS_M* WARPS_N* GROUPS * 32, BLOCKS)            \
      window_##NAME##_##ROWS##x##COLUMNS(const __grid_constant__ GemmParameters p) {             \
    convolve<ARITHMETIC, ROWS, COLUMNS, WARPS_M, WARPS_N, GROUPS, STAGES>(p);                    \
  }
// The tall tile is for the widest images, which pay in 16 bits.
TENDON_WITH(TENDON_WINDOW, TENDON_HALF, HalfArithmetic, 256, 64, 4, 2, 1, 3, 2)
TENDON_WITH(TENDON_WINDOW, TENDON_HALF, HalfArithmetic, 128, 64, 2, 2, 2, 3, 2)
#ifndef TENDON_BFLOAT16
TENDON_WINDOW(tf32, Tf32Arithmetic, 128, 64, 2, 2, 2, 3, 2)
TENDON_WINDOW(f32, FloatArithmetic, 128, 64, 2, 2, 2, 3, 1)
#endif

}  // namespace tendon::cuda
