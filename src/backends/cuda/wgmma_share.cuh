// Which part of a product a block of threads makes.
#pragma once

#include "wgmma_parameters.h"

namespace tendon::cuda {

/// Of one group of four warps.
constexpr int kGroupRows = 64;

/// Where a block's rows of y lie, and which part of the sum is its own.
struct Share {
  int first_row, first_column;
  int image, first_x, first_y;  // kPatches
  int first, count;             // blocks of k
};

/// Where an even share begins; of 32 bits, since the GPU divides those in far fewer instructions.
__device__ __forceinline__ int first_of_split(int count, int split, int splits) {
  return static_cast<int>(static_cast<unsigned>(count) * static_cast<unsigned>(split) /
                          static_cast<unsigned>(splits));
}

template <int kRows, int kColumns, bool kPatches>
__device__ __forceinline__ Share share_of_block(const WgmmaParameters& q) {
  Share s{};
  const GemmParameters& p = q.gemm;
  const int tile = static_cast<int>(blockIdx.x);
  s.first_row = tile * kRows;
  s.first_column = static_cast<int>(blockIdx.y) * kColumns;
  if constexpr (kPatches) {
    s.image = tile / (q.tiles_x * q.tiles_y);
    const int within = tile % (q.tiles_x * q.tiles_y);
    s.first_x = within % q.tiles_x * kPatchSide * q.groups_x;
    s.first_y = within / q.tiles_x * kPatchSide * (kRows / kGroupRows / q.groups_x);
  }
  const int split = static_cast<int>(blockIdx.z);
  s.first = first_of_split(p.k_tiles, split, p.splits);
  s.count = first_of_split(p.k_tiles, split + 1, p.splits) - s.first;
  return s;
}

}  // namespace tendon::cuda
