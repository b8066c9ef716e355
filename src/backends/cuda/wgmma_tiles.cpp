#include "backends/cuda/wgmma_tiles.h"

#include <algorithm>
#include <array>

namespace tendon::cuda {
namespace {

constexpr int64_t kMaxCluster = 8;

/// Clocks from a kernel's start to its end, as fitted to an H100: a multiprocessor's blocks one
/// after the other, steps bound by products, by one multiprocessor's loads or by the loads of all,
/// then results and the exchange within clusters.
double estimate(const WgmmaTile& tile, int64_t blocks, int64_t steps, double step_bytes,
                int64_t resident, int multiprocessors, int64_t line = kLineBytes,
                double least_step = 0) {
  const double products_per_clock = tile.columns == 128 ? 1950 : 1050;
  constexpr double kBytesPerClock = 64;
  constexpr double kBytesPerClockOfAll = 5500;
  constexpr double kStartAndEnd = 4000;
  constexpr double kResultPerElement = 0.13;
  constexpr double kAnotherWave = 2500;
  constexpr double kExchange = 1500;
  constexpr double kExchangePerPart = 400;
  constexpr double kExchangePerElement = 0.12;
  const double area = static_cast<double>(tile.rows) * tile.columns;
  const int64_t all = blocks * tile.splits;
  const auto rounds = static_cast<double>(divide_up(all, multiprocessors));
  const auto busy = static_cast<double>(std::min<int64_t>(all, multiprocessors));
  const double step =
      std::max({least_step, area * (static_cast<double>(line) / 2) / products_per_clock,
                step_bytes / kBytesPerClock, step_bytes * busy / kBytesPerClockOfAll});
  const double exchange =
      tile.splits == 1 ? 0.0
                       : kExchange + kExchangePerPart * tile.splits + kExchangePerElement * area;
  const auto waves = static_cast<double>(divide_up(all, resident * multiprocessors));
  return kStartAndEnd + rounds * static_cast<double>(divide_up(steps, tile.splits)) * step +
         waves * area * kResultPerElement + (waves - 1) * kAnotherWave + exchange;
}

}  // namespace

PatchTiles patch_tiles(int64_t width, int64_t height, int64_t groups) {
  PatchTiles best;
  for (int64_t groups_x = 1; groups_x <= groups; groups_x *= 2) {
    PatchTiles tiles{0, 0, groups_x, groups / groups_x};
    tiles.x = divide_up(width, kPatchSide * tiles.groups_x);
    tiles.y = divide_up(height, kPatchSide * tiles.groups_y);
    if (best.x > 0 && (tiles.count() > best.count() ||
                       (tiles.count() == best.count() && tiles.bytes() >= best.bytes()))) {
      continue;
    }
    best = tiles;
  }
  return best;
}

WgmmaTile choose_wgmma_tile(const GemmProblem& problem, WgmmaSource source, int multiprocessors) {
  struct Candidate {
    int rows, columns;
    int64_t resident;  ///< blocks that a multiprocessor has registers for
    bool products, patches;
  };
  constexpr std::array kCandidates = {
      Candidate{128, 128, 2, true, true}, Candidate{128, 64, 3, true, true},
      Candidate{64, 64, 5, true, false}, Candidate{256, 64, 2, false, true}};
  constexpr int64_t kMostShared = 200 * 1024;
  constexpr int64_t kAllShared = 226 * 1024;
  constexpr int64_t kSharedOfBlock = 2048;  // that the system and barriers take
  const GemmParameters& p = problem.parameters;
  const bool patches = source == WgmmaSource::kPatches;
  const int64_t steps_of_block = patches ? kPatchTaps : 1;
  WgmmaTile best;
  double least = 0;
  for (const Candidate& candidate : kCandidates) {
    if (patches ? !candidate.patches : !candidate.products) continue;
    int64_t tiles_m = divide_up(p.m, candidate.rows);
    int64_t patch = 0;
    if (patches) {
      const PatchTiles tiles = patch_tiles(p.width, p.height, candidate.rows / 64);
      tiles_m = tiles.count() * (p.m / (p.width * p.height));
      patch = tiles.bytes(problem.line_bytes);
    }
    const int64_t blocks = tiles_m * divide_up(p.n, candidate.columns);
    const int64_t stage = (candidate.columns + (patches ? 0 : candidate.rows)) * problem.line_bytes;
    const double step_bytes = static_cast<double>(stage) + static_cast<double>(patch) / kPatchTaps;
    for (int splits = 1; splits <= std::min<int64_t>(kMaxCluster, p.k_tiles); ++splits) {
      // Clusters that do not all fit at once wait for each other.
      if (splits > 1 && blocks * splits > multiprocessors) break;
      WgmmaTile tile{candidate.rows, candidate.columns, splits, 0, 0};
      const double clocks = estimate(tile, blocks, p.k_tiles * steps_of_block, step_bytes,
                                     candidate.resident, multiprocessors, problem.line_bytes);
      if (best.rows > 0 && clocks >= least) continue;
      least = clocks;
      const int64_t own_blocks = divide_up(p.k_tiles, splits);
      const int64_t own_patches = std::min<int64_t>(own_blocks, 2) * patch;
      const int64_t at_once =
          std::min<int64_t>(divide_up(blocks * splits, multiprocessors), candidate.resident);
      const int64_t budget = std::min(kMostShared, kAllShared / at_once - kSharedOfBlock);
      tile.stages = static_cast<int>(std::min<int64_t>(
          {kWgmmaMaxStages, own_blocks * steps_of_block, (budget - own_patches) / stage}));
      const int64_t sums = int64_t{tile.rows} * (tile.columns + 8) * int64_t{sizeof(float)};
      tile.shared_bytes = static_cast<unsigned>(std::max(tile.stages * stage + own_patches, sums));
      best = tile;
    }
  }
  return best;
}

WgmmaTile choose_norm_tile(const GemmParameters& p, int multiprocessors) {
  constexpr int kRows = 64;
  constexpr int64_t kStage = (kRows + kNormColumns) * kLineBytes;
  constexpr int64_t kMostShared = 200 * 1024;
  // What a step takes one group of warps however little there is to do, as measured.
  constexpr double kStepAlone = 600;
  const int64_t parts = p.n / kNormColumns;
  const int64_t blocks = divide_up(p.m, kRows) * parts;
  WgmmaTile best;
  double least = 0;
  for (int splits = 1; splits <= std::min<int64_t>(kMaxCluster / parts, p.k_tiles); ++splits) {
    if (splits > 1 && blocks * splits > multiprocessors) break;
    WgmmaTile tile{kRows, kNormColumns, splits, 0, 0};
    const double clocks =
        estimate(tile, blocks, p.k_tiles, kStage, 2, multiprocessors, kLineBytes, kStepAlone);
    if (best.rows > 0 && clocks >= least) continue;
    least = clocks;
    const int64_t resident = blocks * splits > multiprocessors ? 2 : 1;
    tile.stages = static_cast<int>(std::min<int64_t>(
        {kWgmmaMaxStages, divide_up(p.k_tiles, splits), kMostShared / resident / kStage}));
    const int64_t sums = int64_t{kRows} * (kNormColumns + 8) * int64_t{sizeof(float)};
    tile.shared_bytes = static_cast<unsigned>(std::max(tile.stages * kStage, sums));
    best = tile;
  }
  return best;
}

}  // namespace tendon::cuda
