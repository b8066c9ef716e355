// How threads share out a convolution by Winograd's algorithm.
#pragma once

#include <algorithm>
#include <cstdint>

#include "backends/cpu/kernels.h"

namespace tendon::cpu {

/// How many threads share out the panels of channels and the tiles, and the blocks of each part.
/// Blocks hold whole groups of `rows` tiles, as many as a product computes at once, but for the
/// last.
struct WinogradParts {
  int64_t panels = 1, tiles = 1, blocks = 1, rows = 1;
  bool operator==(const WinogradParts&) const = default;

  int64_t most_tiles(int64_t all) const { return (all + tiles - 1) / tiles; }
  int64_t groups(int64_t mine) const { return (mine + rows - 1) / rows; }
  /// Where block `i` starts among the `mine` tiles of a part, which end where block `blocks` would.
  int64_t start_of_block(int64_t i, int64_t mine) const {
    return std::min(mine, groups(mine) * i / blocks * rows);
  }
  /// Of a block, rounded up to whole groups.
  int64_t most_rows(int64_t all) const {
    return (groups(most_tiles(all)) + blocks - 1) / blocks * rows;
  }
};
WinogradParts winograd_parts(int64_t tiles, int64_t panels, int threads, int64_t rows,
                             WinogradSplit split);

}  // namespace tendon::cpu
