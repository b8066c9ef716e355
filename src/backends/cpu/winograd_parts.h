// How threads share out a convolution by Winograd's algorithm.
#pragma once

#include <cstdint>

#include "backends/cpu/kernels.h"

namespace tendon::cpu {

/// How many threads share out the panels of channels and the tiles, and the blocks of each part.
struct WinogradParts {
  int64_t panels = 1, tiles = 1, blocks = 1;
  bool operator==(const WinogradParts&) const = default;

  int64_t most_tiles(int64_t all) const { return (all + tiles - 1) / tiles; }
};
WinogradParts winograd_parts(int64_t tiles, int64_t panels, int threads, WinogradSplit split);

}  // namespace tendon::cpu
