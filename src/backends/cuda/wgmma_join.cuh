// Sums of which groups of warps, and blocks of a cluster, have parts each: who finishes them, and
// how they come together.
#pragma once

#include <type_traits>

#include "wgmma_math.cuh"

namespace tendon::cuda {

/// Which of `splits` blocks finishes the rows of a warp, of kWarps; and the first warp of a block.
template <int kWarps>
__device__ __forceinline__ int owner_of(int warp, int splits) {
  return warp * splits / kWarps;
}
template <int kWarps>
__device__ __forceinline__ int first_of_owner(int owner, int splits) {
  return (owner * kWarps + splits - 1) / splits;
}

/// Adds up the parts that the blocks of a cluster have of the same sums, always in one order: each
/// block gets the whole of the warps that it owns. block_at(split) is a block's rank in the
/// cluster; `memory` and `here` are the same place of shared memory that nothing else uses, with
/// room for (splits - 1) * ceil(kWarps / splits) * kSharing warps' sums: kSharing groups of kWarps
/// have different columns of the same rows. `barrier` expects what others send to this block.
template <int kWarps, int kSharing, int kOfGroup, int kTilesN, class BlockAt>
__device__ __forceinline__ void join_cluster(float (&sums)[kOfGroup][kTilesN][4],
                                             const unsigned char* memory, uint32_t here,
                                             uint32_t barrier, int splits, int own, int warp,
                                             int lane, BlockAt block_at) {
  constexpr int kPacks = kOfGroup * kTilesN;
  if (warp >= kWarps * kSharing) return;
  const int most = (kWarps + splits - 1) / splits;
  const int of_rows = warp % kWarps;
  const int owner = owner_of<kWarps>(of_rows, splits);
  const int first = first_of_owner<kWarps>(owner, splits);
  const auto place = [&](int sender) {
    const int sums_of = (sender * most + of_rows - first) * kSharing + warp / kWarps;
    return static_cast<uint32_t>((sums_of * kPacks * 32 + lane) * 16);
  };
  if (owner != own) {
    const int block = block_at(owner);
    const uint32_t there = address_in_block(here + place(own < owner ? own : own - 1), block);
    const uint32_t counter = address_in_block(barrier, block);
#pragma unroll
    for (int i = 0; i < kPacks; ++i) {
      const float(&sum)[4] = sums[i / kTilesN][i % kTilesN];
      send_to_block(there + i * 512, make_float4(sum[0], sum[1], sum[2], sum[3]), counter);
    }
    return;
  }
  wait_for_phase(barrier, 0);
#pragma unroll 1
  for (int sender = 0; sender < splits - 1; ++sender) {
    const auto* const from = reinterpret_cast<const float4*>(memory + place(sender));
#pragma unroll
    for (int i = 0; i < kPacks; ++i) {
      const float4 part = from[i * 32];
      float(&sum)[4] = sums[i / kTilesN][i % kTilesN];
      sum[0] += part.x;
      sum[1] += part.y;
      sum[2] += part.z;
      sum[3] += part.w;
    }
  }
}

/// Adds up what kSharing groups of warps have of the same tile, and leaves each group the sums of
/// its part of the columns. `memory` has room for kSharing tiles. All threads of the block must
/// come; `turn` is the group's place among those that share, `thread` the thread's in them.
template <int kSharing, int kOfGroup, int kColumns, class Sum>
__device__ __forceinline__ void join_groups(float (&results)[kOfGroup][kColumns / 8 / kSharing][4],
                                            const Sum (&sums)[kOfGroup][1][kColumns / 8][4],
                                            unsigned char* memory, bool has_sums, int turn,
                                            int thread, int threads) {
  constexpr int kTiles = kColumns / 8;
  constexpr int kOwn = kTiles / kSharing;
  if constexpr (kSharing == 1) {
#pragma unroll
    for (int i = 0; i < kOfGroup * kTiles * 4; ++i) {
      results[i / (kTiles * 4)][i / 4 % kTiles][i % 4] =
          static_cast<float>(sums[i / (kTiles * 4)][0][i / 4 % kTiles][i % 4]);
    }
    __syncthreads();
    return;
  } else {
    static_assert(kOfGroup == 1 && sizeof(Sum) == 4);
    const auto as_floats = [](Sum a, Sum b, Sum c, Sum d) {
      if constexpr (std::is_same_v<Sum, int>) {
        return make_float4(__int_as_float(a), __int_as_float(b), __int_as_float(c),
                           __int_as_float(d));
      } else {
        return make_float4(a, b, c, d);
      }
    };
    const auto add = [](float& to, float part, bool first) {
      if constexpr (std::is_same_v<Sum, int>) {
        to = __int_as_float((first ? 0 : __float_as_int(to)) + __float_as_int(part));
      } else {
        to = first ? part : to + part;
      }
    };
    __syncthreads();
    auto* const places = reinterpret_cast<float4*>(memory) + thread;
    if (has_sums) {
#pragma unroll
      for (int j = 0; j < kTiles; ++j) {
        const auto& sum = sums[0][0][j];
        places[(turn * kTiles + j) * threads] = as_floats(sum[0], sum[1], sum[2], sum[3]);
      }
    }
    __syncthreads();
    if (!has_sums) return;
#pragma unroll
    for (int from = 0; from < kSharing; ++from) {
#pragma unroll
      for (int j = 0; j < kOwn; ++j) {
        const float4 part = places[(from * kTiles + turn * kOwn + j) * threads];
        add(results[0][j][0], part.x, from == 0);
        add(results[0][j][1], part.y, from == 0);
        add(results[0][j][2], part.z, from == 0);
        add(results[0][j][3], part.w, from == 0);
      }
    }
    if constexpr (std::is_same_v<Sum, int>) {
#pragma unroll
      for (int j = 0; j < kOwn; ++j) {
#pragma unroll
        for (int e = 0; e < 4; ++e) {
          results[0][j][e] = static_cast<float>(__float_as_int(results[0][j][e]));
        }
      }
    }
  }
}

}  // namespace tendon::cuda
