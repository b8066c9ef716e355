// Matrix products and convolutions on Hopper's tensor cores: one thread keeps a ring of tiles in
// shared memory full, groups of four warps multiply out of it, and the blocks of a cluster share a
// long sum.
#pragma once

#include <type_traits>

#include "gemm_common.cuh"
#include "normalize_rows.cuh"
#include "wgmma_join.cuh"
#include "wgmma_math.cuh"
#include "wgmma_parameters.h"
#include "wgmma_results.cuh"
#include "wgmma_share.cuh"

namespace tendon::cuda {

constexpr int kTaps = 9;

/// One block makes 64 * kTiles rows x kColumns of y; each of its groups of warps makes kOfGroup of
/// the tiles of 64 rows, and kSharing groups take turns with the steps of the same tiles: a product
/// waits for the one before it in the same sums, so one group alone leaves tensor cores idle.
/// With kNormParts, normalised: see normalize_rows.cuh.
/// `Arithmetic` says how much of k a step is: rows of kLineBytes in shared memory.
template <class Arithmetic, int kTiles, int kOfGroup, int kSharing, int kColumns, bool kPatches,
          int kNormParts>
__device__ __forceinline__ void multiply(const WgmmaParameters& q) {
  using Element = typename Arithmetic::Element;
  constexpr int kLine = Arithmetic::kLineBytes;
  constexpr int kRows = kTiles * kGroupRows;
  constexpr int kOwnWarps = kTiles / kOfGroup * 4;
  constexpr int kWarps = kOwnWarps * kSharing;
  constexpr int kBlock = kLine / static_cast<int>(sizeof(Element));
  // Behind what is loaded lies the rest of factors that two numbers stand for.
  constexpr bool kRest = Arithmetic::kRest;
  constexpr int kCopies = kRest ? 2 : 1;
  constexpr int kLoadedColumns = kColumns * kLine;
  constexpr int kLoadedRows = kPatches ? 0 : kRows * kLine;
  constexpr int kColumnBytes = kLoadedColumns * kCopies;
  constexpr int kStageBytes = kColumnBytes + kLoadedRows * kCopies;
  constexpr int kStepsOfBlock = kPatches ? kTaps : 1;
  const GemmParameters& p = q.gemm;
  const int lane = static_cast<int>(threadIdx.x) & 31;
  const int warp = uniform(static_cast<int>(threadIdx.x) >> 5);
  const Share share = share_of_block<kRows, kColumns, kPatches>(q);
  const int steps = share.count * kStepsOfBlock;
  const int pitch = kPatchSide * q.groups_x + 2;
  const int split = static_cast<int>(blockIdx.z);

  extern __shared__ __align__(1024) unsigned char memory[];
  __shared__ uint64_t barriers[2 * kWgmmaMaxStages + 6];
  constexpr bool kNorm = kNormParts > 0;
  constexpr int kOwnTiles = kColumns / 8 / kSharing;  // of the columns that a group finishes
  using Norm = NormMemory<kRows, kNorm ? kNormParts * kSharing : 1>;
  auto* const terms = reinterpret_cast<Term*>(memory);
  [[maybe_unused]] auto& norm = *reinterpret_cast<Norm*>(memory + kTermBytes);
  constexpr int kHeadBytes = kTermBytes + (kNorm ? kNormBytes<kNormParts * kSharing> : 0);
  static_assert(sizeof(Term) * kColumns <= kTermBytes &&
                (!kNorm || sizeof(Norm) <= kNormBytes<kNormParts * kSharing>));
  unsigned char* const ring = memory + kHeadBytes;
  const uint32_t full = shared_address(barriers);
  const uint32_t empty = full + 8 * kWgmmaMaxStages;
  const uint32_t patch_full = empty + 8 * kWgmmaMaxStages;
  const uint32_t patch_empty = patch_full + 16;
  // Of what other blocks send: parts of sums, and of the means and variances of rows.
  const uint32_t sums_come = patch_empty + 16;
  const uint32_t parts_come = sums_come + 8;
  const uint32_t begin = shared_address(ring);
  const uint32_t patches = begin + static_cast<uint32_t>(q.stages * kStageBytes);
  if (threadIdx.x == 0) {
    prefetch_map(&q.a);
    prefetch_map(&q.b);
    for (int i = 0; i < q.stages; ++i) {
      start_barrier(full + 8 * i, 1);
      start_barrier(empty + 8 * i, kOwnWarps);
    }
    for (int i = 0; i < 2; ++i) {
      start_barrier(patch_full + 8 * i, 1);
      start_barrier(patch_empty + 8 * i, kWarps);
    }
    start_barrier(sums_come, 1);
    start_barrier(parts_come, 1);
    publish_barriers();
    const int own_warps =
        first_of_owner<kOwnWarps>(split + 1, p.splits) - first_of_owner<kOwnWarps>(split, p.splits);
    if (p.splits > 1) {
      expect_bytes(sums_come, static_cast<uint32_t>((p.splits - 1) * own_warps * kSharing *
                                                    kOfGroup * kOwnTiles * 512));
    }
    if constexpr (kNorm) {
      expect_bytes(parts_come, static_cast<uint32_t>(static_cast<int>(gridDim.y) * kSharing *
                                                     own_warps * 16 * 8));
    }
  }
  __syncthreads();
  // Others write to this block's memory only once it has started.
  const bool in_cluster = (kNorm ? static_cast<int>(gridDim.y) : 1) * p.splits > 1;
  if (in_cluster) come_to_cluster();

  // Whether this block finishes what this warp sums up.
  const bool owns = warp < kWarps && owner_of<kOwnWarps>(warp % kOwnWarps, p.splits) == split;
  const int turn = warp / kOwnWarps;
  const int own_column = share.first_column + turn * kOwnTiles * 8;
  const DirectResult<Element> direct(p);
  [[maybe_unused]] std::conditional_t<kNorm, NormRows<typename Arithmetic::Result, kOwnTiles>, char>
      norm_rows;
  using Sums = typename Arithmetic::Sum[kOfGroup][1][kColumns / 8][4];
  Sums sums;
  // Tensor cores cut off sums: what is small is summed up by itself, so that large sums are cut
  // less often.
  [[maybe_unused]] std::conditional_t<kRest, Sums, int> rests;
#pragma unroll
  for (int t = 0; t < kOfGroup; ++t) {
#pragma unroll
    for (int j = 0; j < kColumns / 8; ++j) {
#pragma unroll
      for (int e = 0; e < 4; ++e) {
        sums[t][0][j][e] = 0;
        if constexpr (kRest) rests[t][0][j][e] = 0;
      }
    }
  }

  if (warp == kWarps) {
    if (lane == 0) {
      const auto load_b = [&](int step, int stage) {
        expect_bytes(full + 8 * stage, kLoadedColumns + kLoadedRows);
        copy_box(begin + static_cast<uint32_t>((stage + 1) * kStageBytes - kColumnBytes), &q.b,
                 full + 8 * stage, (share.first * kStepsOfBlock + step) * kBlock,
                 share.first_column);
      };
      const auto load_patch = [&](int block) {
        const uint32_t barrier = patch_full + 8 * (block & 1);
        expect_bytes(barrier, static_cast<uint32_t>(
                                  pitch * (kPatchSide * (kTiles / q.groups_x) + 2) * kLine));
        copy_patch(patches + static_cast<uint32_t>((block & 1) * kCopies * q.patch_bytes), &q.a,
                   barrier, (share.first + block) * kBlock, share.first_x - 1, share.first_y - 1,
                   share.image);
      };
      const int image = share.first_row / p.out_points;
      const int point = share.first_row - image * p.out_points;
      const int y = point / p.out_width * p.stride_h - p.pad_h;
      const int x = point % p.out_width * p.stride_w - p.pad_w;
      int tap = kPatches ? 0 : share.first / p.tap_chunks;
      int block = kPatches ? 0 : share.first - tap * p.tap_chunks;
      const auto load_a = [&](int step, int stage) {
        const uint32_t to = begin + static_cast<uint32_t>(stage * kStageBytes);
        if (q.source == WgmmaSource::kMatrix) {
          copy_box(to, &q.a, full + 8 * stage, (share.first + step) * kBlock, share.first_row);
          return;
        }
        copy_windows(to, &q.a, full + 8 * stage, block * kBlock, x, y, image,
                     tap % p.kernel_w * p.dilation_w, tap / p.kernel_w * p.dilation_h);
        if (++block == p.tap_chunks) {
          block = 0;
          ++tap;
        }
      };
      // Weights do not wait for the kernel before.
      const int early = steps < q.stages ? steps : q.stages;
      for (int step = 0; step < early; ++step) load_b(step, step);
      wait_to_read(q.inputs_pending);
      if constexpr (kPatches) {
        load_patch(0);
        if (share.count > 1) load_patch(1);
      } else {
        for (int step = 0; step < early; ++step) load_a(step, step);
      }
      int stage = 0;
      uint32_t parity = 0;
      for (int step = early; step < steps; ++step) {
        wait_for_phase(empty + 8 * stage, parity);
        load_b(step, stage);
        if constexpr (kPatches) {
          // Whoever has taken this stage's last weights is done with the block before.
          const int of_block = step / kTaps;
          if (step % kTaps == q.stages && of_block > 0 && of_block + 1 < share.count) {
            wait_for_phase(patch_empty + 8 * ((of_block + 1) & 1), ((of_block + 1) / 2 - 1) & 1);
            load_patch(of_block + 1);
          }
        } else {
          load_a(step, stage);
        }
        if (++stage == q.stages) {
          stage = 0;
          parity ^= 1;
        }
      }
    }
    // racecheck reports what __syncthreads orders below, unless all warps have met equally often.
    if constexpr (Arithmetic::kRounds) {
      __syncwarp();
      for (int i = 0; i < (kPatches && !kRest ? share.count : steps); ++i) meet_threads(8, 32);
    }
  } else {
    if (!kNorm && p.bias != nullptr && p.bias_row_step != 0 && direct.possible) {
      // A matrix of biases is likely to come from afar.
      const auto* const biases = static_cast<const unsigned char*>(p.bias);
      const int size = direct.type == ElementType::kHalf ? 2 : 4;
      for (int line = warp * 32 + lane; line < kRows * kColumns * size / 128; line += kWarps * 32) {
        const int row = share.first_row + line / (kColumns * size / 128);
        const int column = share.first_column * size + line % (kColumns * size / 128) * 128;
        if (kPatches || row >= p.m || column >= p.n * size) continue;
        prefetch(biases + static_cast<long long>(row) * p.bias_row_step * size + column);
      }
    }
    if (!q.terms_constant) wait_to_read(q.inputs_pending);
    load_terms<Element, kColumns>(p, terms, !kNorm && direct.possible && direct.in_codes,
                                  share.first_column, warp * 32 + lane);
    if constexpr (kNorm) {
      load_norm_terms<typename Arithmetic::Result>(q, norm, share.first_column, warp * 32 + lane);
    }
    if (q.terms_constant) wait_to_read(q.inputs_pending);
    if constexpr (kNorm) {
      if (owns) {
        norm_rows.load(p, share.first_row + warp % kOwnWarps * 16 + (lane >> 2), own_column, lane);
      }
    }
    uint32_t places[kOfGroup];  // of the group's first rows
#pragma unroll
    for (int t = 0; t < kOfGroup; ++t) {
      const int own = warp % kOwnWarps / 4 * kOfGroup + t;
      const int row =
          kPatches ? (own % q.groups_x + own / q.groups_x * pitch) * kPatchSide : own * kGroupRows;
      places[t] = static_cast<uint32_t>(row * kLine);
    }
    const uint32_t group_bytes = kPatches ? static_cast<uint32_t>(pitch * kLine) : 8 * kLine;
    int stage = turn;
    int previous = 0;
    uint32_t parity = 0;
    int block = 0;
    int tap = turn;
    bool first = true;
    bool new_block = true;
    for (int step = turn; step < steps; step += kSharing) {
      if (kPatches && new_block) wait_for_phase(patch_full + 8 * (block & 1), block / 2 & 1);
      wait_for_phase(full + 8 * stage, parity);
      const uint32_t tile = begin + static_cast<uint32_t>(stage * kStageBytes);
      uint32_t a = tile;
      if (kPatches) {
        a = patches + static_cast<uint32_t>((block & 1) * kCopies * q.patch_bytes +
                                            (tap / 3 * pitch + tap % 3) * kLine);
      }
      const uint32_t b = tile + kStageBytes - kColumnBytes;
      [[maybe_unused]] const int rest_of_a = kPatches ? q.patch_bytes : kLoadedRows;
      if constexpr (Arithmetic::kRounds) {
        static_assert(kSharing == 1);
        constexpr int kThreads = kWarps * 32;
        const int thread = warp * 32 + lane;
        if constexpr (!kPatches) {
          constexpr int kOwnBytes = kOfGroup * kGroupRows * kLine;
          unsigned char* const own = ring + (a - begin) + warp / 4 * kOwnBytes;
          round_in_place<kRest>(own, own + rest_of_a, kOwnBytes, thread % 128, 128);
        } else if (new_block) {
          const int rows = kPatchSide * (kTiles / q.groups_x) + 2;
          unsigned char* const patch = ring + (a - begin);
          round_in_place<kRest>(patch, patch + rest_of_a, pitch * rows * kLine, thread, kThreads);
        }
        if constexpr (kRest) {
          // Weights are as exact as what they are multiplied by.
          unsigned char* const weights = ring + (b - begin);
          round_in_place<true>(weights, weights + kLoadedColumns, kLoadedColumns, thread, kThreads);
          meet_threads(1, kThreads);
        } else if constexpr (!kPatches) {
          meet_threads(1 + warp / 4, 128);
        } else if (new_block) {
          meet_threads(1, kThreads);
        }
      }
      const uint64_t matrix_b = matrix_at<kLine>(b, 8 * kLine);
      start_products();
#pragma unroll
      for (int part = 0; part < kLine / 32; ++part) {
#pragma unroll
        for (int t = 0; t < kOfGroup; ++t) {
          const uint64_t matrix_a = matrix_at<kLine>(a + places[t], group_bytes) + 2 * part;
          if constexpr (kRest) {
            const uint64_t rest_b = matrix_b + (kLoadedColumns >> 4);
            Arithmetic::multiply(rests[t], matrix_a + (rest_of_a >> 4), matrix_b + 2 * part);
            Arithmetic::multiply(rests[t], matrix_a, rest_b + 2 * part);
          }
          Arithmetic::multiply(sums[t], matrix_a, matrix_b + 2 * part);
        }
      }
      commit_products();
      wait_for_products<1>();
      arrive_if(empty + 8 * previous, !first && lane == 0);
      if constexpr (kPatches) {
        arrive_if(patch_empty + 8 * ((block - 1) & 1), new_block && !first && lane == 0);
      }
      first = false;
      previous = stage;
      stage += kSharing;
      if (stage >= q.stages) {
        stage -= q.stages;
        parity ^= 1;
      }
      if constexpr (kPatches) {
        tap += kSharing;
        new_block = tap >= kTaps;
        if (new_block) {
          tap -= kTaps;
          ++block;
        }
      }
    }
    wait_for_products<0>();
    if constexpr (kRest) {
#pragma unroll
      for (int t = 0; t < kOfGroup; ++t) {
#pragma unroll
        for (int j = 0; j < kColumns / 8; ++j) {
#pragma unroll
          for (int e = 0; e < 4; ++e) sums[t][0][j][e] += rests[t][0][j][e];
        }
      }
    }
  }
  wait_to_write(q.inputs_pending);
  float results[kOfGroup][kOwnTiles][4];
  join_groups<kSharing, kOfGroup, kColumns>(results, sums, ring, warp < kWarps, turn,
                                            warp % kOwnWarps * 32 + lane, kOwnWarps * 32);
  const auto block_at = [&](int part, int of_split) {
    return kNorm ? part + static_cast<int>(gridDim.y) * of_split : of_split;
  };
  if (in_cluster) wait_for_cluster();
  if (p.splits > 1) {
    join_cluster<kOwnWarps, kSharing>(
        results, ring + q.joined_at, begin + q.joined_at, sums_come, p.splits, split, warp, lane,
        [&](int of_split) { return block_at(static_cast<int>(blockIdx.y), of_split); });
  }
  if constexpr (kNorm) {
    const int blocks = static_cast<int>(gridDim.y);
    const int row = warp % kOwnWarps * 16 + (lane >> 2);
    const bool alone = blocks * p.splits == 1;
    if (owns) {
      norm_rows.share(results[0], terms + turn * kOwnTiles * 8, norm, parts_come, alone, row,
                      static_cast<int>(blockIdx.y) * kSharing + turn, blocks, lane,
                      [&](int block) { return block_at(block, split); });
    }
    if (alone) __syncthreads();
    if (owns) {
      if (!alone) wait_for_phase(parts_come, 0);
      norm_rows.write(q, results[0], norm.terms + turn * kOwnTiles * 8, norm, share.first_row, row,
                      own_column, blocks * kSharing, lane);
    }
    return;
  }
  const auto row_at = [&](int group, int within) {
    if constexpr (kPatches) {
      const int x = share.first_x + within % kPatchSide + group % q.groups_x * kPatchSide;
      const int y = share.first_y + within / kPatchSide + group / q.groups_x * kPatchSide;
      const int at = (share.image * p.height + y) * p.width + x;
      return x < p.width && y < p.height && at < p.m ? at : -1;
    } else {
      const int row = share.first_row + group * kGroupRows + within;
      return row < p.m ? row : -1;
    }
  };
  if (direct.possible) {
    if (owns) {
      write_rows<Element>(p, direct, terms + turn * kOwnTiles * 8, results, own_column, lane,
                          [&](int t, int half) {
                            return row_at(warp % kOwnWarps / 4 * kOfGroup + t,
                                          warp % 4 * 16 + half * 8 + (lane >> 2));
                          });
    }
    return;
  }
  __syncthreads();
  auto* const staged = reinterpret_cast<float*>(ring);
  if (owns) {
#pragma unroll
    for (int t = 0; t < kOfGroup; ++t) {
      const int row = (warp % kOwnWarps / 4 * kOfGroup + t) * kGroupRows + warp % 4 * 16;
      stage_rows<kColumns>(staged, results[t], row, turn * kOwnTiles * 8, lane);
    }
  }
  __syncthreads();
  const auto row_of = [&](int row) {
    const int group = row / kGroupRows;
    const int within = row % kGroupRows;
    const int of_warp = group / kOfGroup * 4 + within / 16;
    return owner_of<kOwnWarps>(of_warp, p.splits) == split ? row_at(group, within) : -1;
  };
  constexpr bool kCodes = sizeof(Element) == 1;
  constexpr int kPacks = kRows * kColumns / (kCodes ? 8 : 16 / static_cast<int>(sizeof(Element)));
  constexpr int kThreads = kWarps * 32 + 32;
  if constexpr (kCodes) {
    static_assert(kThreads % (kColumns / 8) == 0);
    ColumnFactors factors;
    factors.load(p, share.first_column + static_cast<int>(threadIdx.x) % (kColumns / 8) * 8);
    const Addend residual{p.residual, p.residual_type, p.residual_scale, p.residual_row_step};
    write_known<kColumns, 1, Known::kAny, Known::kAny>(p, factors, residual, 0, kPacks, kThreads,
                                                       share.first_column, row_of,
                                                       SumsOfBlock<kColumns>{staged});
  } else {
    write_packs<Element, kColumns>(p, 0, kPacks, kThreads, share.first_column, row_of,
                                   SumsOfBlock<kColumns>{staged});
  }
}

// Other architectures have neither these instructions nor, therefore, these kernels' rows.
#ifdef __CUDA_ARCH_FEAT_SM90_ALL
#define TENDON_WGMMA_BODY(...) multiply<__VA_ARGS__>(q)
#else
#define TENDON_WGMMA_BODY(...)
#endif
#define TENDON_WGMMA_AS(KERNEL, PATCHES, NORM_PARTS, ARITHMETIC, TILES, OF_GROUP, SHARING,      \
                        COLUMNS, RESIDENT)                                                      \
  extern "C" __global__ void __launch_bounds__(TILES / OF_GROUP * SHARING * 128 + 32, RESIDENT) \
      KERNEL(const __grid_constant__ WgmmaParameters q) {                                       \
    TENDON_WGMMA_BODY(ARITHMETIC, TILES, OF_GROUP, SHARING, COLUMNS, PATCHES, NORM_PARTS);      \
  }
#define TENDON_WGMMA(FAMILY, PATCHES, NORM_PARTS, NAME, ARITHMETIC, TILES, OF_GROUP, ROWS,      \
                     COLUMNS)                                                                   \
  TENDON_WGMMA_AS(FAMILY##_##NAME##_##ROWS##x##COLUMNS, PATCHES, NORM_PARTS, ARITHMETIC, TILES, \
                  OF_GROUP, 1, COLUMNS, 2)
/// Several groups of warps share k.
#define TENDON_WGMMA_SHARED(FAMILY, PATCHES, NORM_PARTS, NAME, ARITHMETIC, TILES, ROWS, COLUMNS, \
                            SHARING, RESIDENT)                                                   \
  TENDON_WGMMA_AS(FAMILY##_##NAME##_##ROWS##x##COLUMNS##_##SHARING##k, PATCHES, NORM_PARTS,      \
                  ARITHMETIC, TILES, 1, SHARING, COLUMNS, RESIDENT)

}  // namespace tendon::cuda
