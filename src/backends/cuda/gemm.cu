// Matrix products and convolutions as products of implicit window matrices, on tensor cores.
#include "gemm_common.cuh"

namespace tendon::cuda {
namespace {

/// One block makes kRows x kColumns of y in kWarpsM x kWarpsN warps.
template <class Arithmetic, int kRows, int kColumns, int kWarpsM, int kWarpsN, int kStages>
__device__ __forceinline__ void gemm(const GemmParameters& p) {
  using Element = typename Arithmetic::Element;
  constexpr int kThreads = kWarpsM * kWarpsN * 32;
  constexpr int kWarpRows = kRows / kWarpsM;
  constexpr int kWarpColumns = kColumns / kWarpsN;
  constexpr int kTilesM = kWarpRows / 16;
  constexpr int kTilesN = kWarpColumns / 8;
  constexpr int kRowsPerPass = kThreads / kTileChunks;
  constexpr int kPassesA = kRows / kRowsPerPass;
  constexpr int kPassesB = kColumns / kRowsPerPass;
  constexpr int kStageBytes = (kRows + kColumns) * kTileBytes;
  constexpr int kChunk = 16 / static_cast<int>(sizeof(Element));

  extern __shared__ __align__(128) unsigned char memory[];
  const int thread = static_cast<int>(threadIdx.x);
  const int lane = thread & 31;
  const int warp = thread >> 5;
  const int warp_m = warp % kWarpsM;
  const int warp_n = warp / kWarpsM;
  const int first_row = static_cast<int>(blockIdx.x) * kRows;
  const int first_column = static_cast<int>(blockIdx.y) * kColumns;
  const int split = static_cast<int>(blockIdx.z);
  const int first_tile = static_cast<int>(static_cast<long long>(p.k_tiles) * split / p.splits);
  const int last_tile =
      static_cast<int>(static_cast<long long>(p.k_tiles) * (split + 1) / p.splits);

  const int chunk = thread % kTileChunks;
  const int load_row = thread / kTileChunks;
  int offsets[kPassesA];
  int places[kPassesA];  // row in the upper 16 bits, column in the lower ones
#pragma unroll
  for (int i = 0; i < kPassesA; ++i) {
    const int row = first_row + load_row + i * kRowsPerPass;
    const int image = row / p.out_points;
    const int point = row - image * p.out_points;
    const int out_y = point / p.out_width;
    const int y = out_y * p.stride_h - p.pad_h;
    const int x = (point - out_y * p.out_width) * p.stride_w - p.pad_w;
    offsets[i] = image * p.image_step + y * p.row_step + x * p.pixel_step;
    places[i] = row < p.m ? static_cast<int>(static_cast<unsigned>(y) << 16 | (x & 0xffff))
                          : static_cast<int>(0x80008000u);
  }
  int next_chunk = first_tile * kTileChunks + chunk;
  int tap = next_chunk / p.tap_chunks;
  int channel = next_chunk - tap * p.tap_chunks;
  int tap_y = tap / p.kernel_w;
  int tap_x = tap - tap_y * p.kernel_w;

  const uint32_t shared = shared_address(memory);
  const uint32_t target = shared + static_cast<uint32_t>(swizzled(load_row, chunk));
  const auto* const a = static_cast<const Element*>(p.a);
  const auto* b =
      static_cast<const Element*>(p.b) +
      static_cast<long long>(first_column + load_row) * p.k_tiles * kTileChunks * kChunk +
      static_cast<long long>(next_chunk) * kChunk;
  const int b_step = kRowsPerPass * p.k_tiles * kTileChunks * kChunk;

  const auto load_tile = [&](int stage) {
    const uint32_t to = target + static_cast<uint32_t>(stage * kStageBytes);
    const int tap_offset = tap_y * p.tap_row_step + tap_x * p.tap_column_step + channel * kChunk;
    const int dy = tap_y * p.dilation_h;
    const int dx = tap_x * p.dilation_w;
    const bool inside = next_chunk < p.chunks;
#pragma unroll
    for (int i = 0; i < kPassesA; ++i) {
      const int y = (places[i] >> 16) + dy;
      const int x = static_cast<short>(places[i] & 0xffff) + dx;
      const bool valid = inside && static_cast<unsigned>(y) < static_cast<unsigned>(p.height) &&
                         static_cast<unsigned>(x) < static_cast<unsigned>(p.width);
      copy_async(to + static_cast<uint32_t>(i * kRowsPerPass * kTileBytes),
                 a + (valid ? offsets[i] + tap_offset : 0), valid);
    }
#pragma unroll
    for (int i = 0; i < kPassesB; ++i) {
      copy_async(to + static_cast<uint32_t>((kRows + i * kRowsPerPass) * kTileBytes),
                 b + static_cast<long long>(i) * b_step, true);
    }
    b += kTileChunks * kChunk;
    next_chunk += kTileChunks;
    channel += kTileChunks;
    while (channel >= p.tap_chunks) {
      channel -= p.tap_chunks;
      if (++tap_x == p.kernel_w) {
        tap_x = 0;
        ++tap_y;
      }
    }
  };

  typename Arithmetic::Sum products[kTilesM][kTilesN][4] = {};

  wait_for_previous_kernel();
  const int tiles = last_tile - first_tile;
#pragma unroll
  for (int i = 0; i < kStages - 1; ++i) {
    if (i < tiles) load_tile(i);
    commit_copies();
  }
  const uint32_t row_a = static_cast<uint32_t>(warp_m * kWarpRows + (lane & 15));
  const uint32_t chunk_a = static_cast<uint32_t>(lane >> 4);
  const uint32_t row_b =
      static_cast<uint32_t>(kRows + warp_n * kWarpColumns + (lane & 7) + ((lane >> 4) << 3));
  const uint32_t chunk_b = static_cast<uint32_t>((lane >> 3) & 1);
  const uint32_t mask = static_cast<uint32_t>(lane & 7);
  int stage = 0;
  for (int tile = 0; tile < tiles; ++tile) {
    wait_for_copies<kStages - 2>();
    __syncthreads();
    const int ahead = tile + kStages - 1;
    if (ahead < tiles) load_tile(stage == 0 ? kStages - 1 : stage - 1);
    commit_copies();
    const uint32_t base = shared + static_cast<uint32_t>(stage * kStageBytes);
#pragma unroll
    for (uint32_t step = 0; step < 4; ++step) {
      typename Arithmetic::A fragments[kTilesM];
#pragma unroll
      for (int i = 0; i < kTilesM; ++i) {
        uint32_t loaded[4];
        load_matrices(loaded, base + (row_a + static_cast<uint32_t>(i) * 16) * kTileBytes +
                                  (((step * 2 + chunk_a) ^ mask) << 4));
        fragments[i] = Arithmetic::prepare_a(loaded);
      }
#pragma unroll
      for (int j = 0; j < kTilesN; j += 2) {
        uint32_t loaded[4];
        load_matrices(loaded, base + (row_b + static_cast<uint32_t>(j) * 8) * kTileBytes +
                                  (((step * 2 + chunk_b) ^ mask) << 4));
        const auto left = Arithmetic::prepare_b(loaded[0], loaded[1]);
        const auto right = Arithmetic::prepare_b(loaded[2], loaded[3]);
#pragma unroll
        for (int i = 0; i < kTilesM; ++i) {
          Arithmetic::multiply(products[i][j], fragments[i], left);
          Arithmetic::multiply(products[i][j + 1], fragments[i], right);
        }
      }
    }
    stage = stage + 1 == kStages ? 0 : stage + 1;
  }
  wait_for_copies<0>();
  __syncthreads();

  float sums[kTilesM][kTilesN][4];
  floats_from_sums(sums, products);
  if (p.splits > 1 && !join_splits<kTilesM, kTilesN, kThreads>(p, sums, thread, true)) {
    return;
  }
  static_assert(kRows * kSumPitch<kColumns> * 4 <= kStages * kStageBytes);
  auto* const staged = reinterpret_cast<float*>(memory);
  stage_sums<false, kTilesM, kTilesN, kColumns>(staged, sums, warp_m * kWarpRows,
                                                warp_n * kWarpColumns, lane);
  __syncthreads();
  write_result<Element, kRows, kColumns, kThreads>(p, staged, first_row, first_column);
}

}  // namespace

#define TENDON_GEMM(NAME, ARITHMETIC, ROWS, COLUMNS, WARPS_M, WARPS_N, STAGES)     \
  extern "C" __global__ void __launch_bounds__(WARPS_M* WARPS_N * 32)              \
      gemm_##NAME##_##ROWS##x##COLUMNS(const __grid_constant__ GemmParameters p) { \
    gemm<ARITHMETIC, ROWS, COLUMNS, WARPS_M, WARPS_N, STAGES>(p);                  \
  }
#define TENDON_GEMMS(NAME, ARITHMETIC)             \
  TENDON_GEMM(NAME, ARITHMETIC, 128, 128, 2, 2, 3) \
  TENDON_GEMM(NAME, ARITHMETIC, 128, 64, 2, 2, 4)  \
  TENDON_GEMM(NAME, ARITHMETIC, 64, 64, 2, 2, 4)

TENDON_WITH(TENDON_GEMMS, TENDON_HALF, HalfArithmetic)
#ifndef TENDON_BFLOAT16
TENDON_GEMMS(tf32, Tf32Arithmetic)
TENDON_GEMMS(f32, FloatArithmetic)
#endif
// What is added to codes' products, and what they become, may be of the 16-bit type.
TENDON_GEMMS(s8, CodeArithmetic<true>)
TENDON_GEMMS(u8, CodeArithmetic<false>)

}  // namespace tendon::cuda
