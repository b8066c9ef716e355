#include "backends/cpu/winograd_parts.h"

#include <algorithm>

namespace tendon::cpu {
namespace {

/// Tiles of a block: few enough for their transformed inputs to stay close, enough to transform
/// each window for.
constexpr int64_t kMostTiles = 96, kFewTiles = 24;

}  // namespace

WinogradParts winograd_parts(int64_t tiles, int64_t panels, int threads, int64_t rows,
                             WinogradSplit split) {
  WinogradParts parts;
  parts.rows = rows;
  // Where there are few tiles, threads share out the channels as well, each transforming what it
  // needs.
  const bool by_channels = split == WinogradSplit::kByChannels;
  while ((by_channels || tiles * parts.panels < kFewTiles * threads) &&
         2 * parts.panels <= std::min<int64_t>(threads, panels)) {
    parts.panels *= 2;
  }
  parts.tiles = std::clamp<int64_t>(threads / parts.panels, 1, tiles);
  const int64_t most = split == WinogradSplit::kSmallBlocks   ? kMostTiles / 2
                       : split == WinogradSplit::kLargeBlocks ? kMostTiles * 2
                                                              : kMostTiles;
  const int64_t groups = parts.groups(parts.most_tiles(tiles)), most_groups = most / rows;
  parts.blocks = (groups + most_groups - 1) / most_groups;
  return parts;
}

}  // namespace tendon::cpu
