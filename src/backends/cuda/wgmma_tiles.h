// How the kernels of wgmma.cu share out a product: tiles, parts of sums, stages, patches of pixels.
#pragma once

#include <algorithm>
#include <array>

#include "backends/cuda/gemm.h"
#include "backends/cuda/wgmma_parameters.h"

namespace tendon::cuda {

/// Of a row of a tile, which the copy engine brings at once; half as many in narrow kernels.
inline constexpr int64_t kLineBytes = 128;
inline constexpr int64_t kPatchTaps = 9;

/// As GemmTile, for the kernels of wgmma.cu; `stages` tiles of both factors are in flight.
struct WgmmaTile {
  int rows = 0, columns = 0;
  int splits = 1;
  int stages = 0;
  unsigned shared_bytes = 0;
  /// Groups of warps that take turns with the steps of k, for the same tile of 64 rows.
  int sharing = 1;
  int64_t joined_at = 0;  ///< as in WgmmaParameters

  int threads() const { return std::min(rows, 128) * 2 * sharing + 32; }
};
/// The most blocks of a cluster that every GPU takes.
inline constexpr int kMaxCluster = 8;

/// What a GPU runs at once.
struct Multiprocessors {
  int count = 0;
  /// Clusters by their blocks, where each block has a multiprocessor to itself. Those that do not
  /// fit wait for others to end.
  std::array<int, kMaxCluster + 1> clusters{};
};

/// For whole rows of a NormalizedMatMul, whose columns fill tiles.
WgmmaTile choose_norm_tile(const GemmProblem& problem, const Multiprocessors& gpu);
/// problem.parameters.k_tiles is set.
WgmmaTile choose_wgmma_tile(const GemmProblem& problem, WgmmaSource source,
                            const Multiprocessors& gpu);

/// How groups of 8x8 pixels lie in a block so that the fewest blocks cover an image; of two ways
/// the one with fewer neighbours.
struct PatchTiles {
  int64_t x = 0, y = 0;
  int64_t groups_x = 0, groups_y = 0;
  int64_t count() const { return x * y; }
  /// Of shared memory for a block's pixels and their neighbours: whole rows of mixing.
  int64_t bytes(int64_t line = kLineBytes) const {
    const int64_t pixels = (kPatchSide * groups_x + 2) * (kPatchSide * groups_y + 2);
    return divide_up(pixels * line, 1024) * 1024;
  }
};
PatchTiles patch_tiles(int64_t width, int64_t height, int64_t groups);

}  // namespace tendon::cuda
