#include "backends/cuda/wgmma_tiles.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace tendon::cuda {
namespace {

/// What a multiprocessor has to do for one kernel.
struct Work {
  int64_t blocks, steps;  ///< of one split
  double step_bytes;      ///< that a step loads
  int64_t line;           ///< bytes of k in a step
  int64_t resident;       ///< blocks that a multiprocessor holds at once
  bool rounds;            ///< groups of warps round what they read
  bool exact = false;     ///< two numbers stand for a factor
};

/// Clocks from a kernel's start to its end, as fitted to an H100. A product of 64 rows takes
/// columns / 2 clocks of the tensor cores, but its group of warps waits for some more before the
/// next one in the same sums. Loads are bound by one multiprocessor's or by those of all. Where two
/// of these bind alike, both cost.
double estimate(const WgmmaTile& tile, const Work& work, int multiprocessors) {
  constexpr double kProductLatency = 92;
  constexpr double kBytesPerClock = 64;
  constexpr double kBytesPerClockOfAll = 5500;
  constexpr double kStartAndEnd = 4000;
  constexpr double kResultPerElement = 0.13;
  constexpr double kAnotherWave = 2500;
  constexpr double kExchange = 1500;
  const double exchange_of_part = work.rounds ? 400 : 200;
  const double exchange_of_element = work.rounds ? 0.12 : 0.1;
  constexpr double kHandedPerElement = 0.05;
  const double area = static_cast<double>(tile.rows) * tile.columns;
  const int64_t all = work.blocks * tile.splits;
  const auto rounds = static_cast<double>(divide_up(all, multiprocessors));
  const auto waves = static_cast<double>(divide_up(all, work.resident * multiprocessors));
  const auto busy = static_cast<double>(std::min<int64_t>(all, multiprocessors));
  const auto steps = static_cast<double>(divide_up(work.steps, tile.splits));
  const double parts = static_cast<double>(work.line) / 32;
  const double product = tile.columns / 2.0;
  const double of_group = tile.rows == 256 ? 2 : 1;
  const double alone = parts * (kProductLatency + of_group * product) / tile.sharing;
  const double products = parts * product * (tile.rows / 64.0);
  const double loads =
      std::max(work.step_bytes / kBytesPerClock, work.step_bytes * busy / kBytesPerClockOfAll);
  const double exchange =
      (tile.splits == 1 ? 0.0
                        : kExchange + exchange_of_part * tile.splits + exchange_of_element * area) +
      (tile.sharing == 1 ? 0.0 : kHandedPerElement * area);
  const auto cube = [](double x) { return x * x * x; };
  // Rounding hides a group's wait, but costs the tensor cores' time where tiles are narrow.
  constexpr double kRoundingStep = 600;
  constexpr double kExactRounding = 500;
  const double step =
      work.exact ? rounds * std::max(3 * products + kExactRounding, loads)
      : work.rounds
          ? rounds * std::max({tile.rows == 64 && tile.columns == 128 ? kRoundingStep : 0.0,
                               products * (tile.columns == 128 ? 1.05 : 1.95), loads})
          : std::cbrt(cube(waves * alone) + cube(rounds * products) + cube(rounds * loads));
  return kStartAndEnd + steps * step + waves * (area * kResultPerElement + exchange) +
         (waves - 1) * kAnotherWave;
}

/// Of shared memory in which blocks get the parts of a sum from each other.
int64_t joined_bytes(const WgmmaTile& tile) {
  if (tile.splits == 1) return 0;
  const int64_t warps = std::min(tile.rows, 128) / 16;
  const int64_t sums_of_warp = int64_t{tile.rows} * tile.columns * int64_t{sizeof(float)} / warps;
  return (tile.splits - 1) * divide_up(warps, tile.splits) * sums_of_warp;
}

/// Places in the ring of stages, of which there is room for `most`. Groups that take turns wait for
/// the loads of their own steps alone: in a ring of odd length a place would change hands, and its
/// barrier could be a phase behind what a group takes for its own load.
int stages_of(int64_t most, int64_t steps, int sharing) {
  const int64_t stages = std::min<int64_t>({kWgmmaMaxStages, most, steps});
  return static_cast<int>(stages == steps ? stages : stages - stages % sharing);
}

/// A group frees a place once its next product has begun, for which it needs another.
int64_t least_stages(int64_t steps, int sharing) { return std::min<int64_t>(steps, 2 * sharing); }

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

WgmmaTile choose_wgmma_tile(const GemmProblem& problem, WgmmaSource source,
                            const Multiprocessors& gpu) {
  struct Candidate {
    int rows, columns;
    int64_t resident;  ///< blocks that a multiprocessor has registers for
    bool products, patches;
    int sharing;
  };
  constexpr std::array kCandidates = {
      Candidate{128, 128, 2, true, true, 1}, Candidate{128, 64, 2, true, true, 1},
      Candidate{64, 64, 4, true, false, 1},  Candidate{256, 64, 2, false, true, 1},
      Candidate{128, 64, 1, true, true, 2},  Candidate{64, 64, 2, true, false, 2}};
  constexpr int64_t kMostShared = 200 * 1024;
  constexpr int64_t kAllShared = 226 * 1024;
  constexpr int64_t kSharedOfBlock = 2048 + kTermBytes;  // that the system, barriers and terms take
  const GemmParameters& p = problem.parameters;
  const bool patches = source == WgmmaSource::kPatches;
  const bool rounds = problem.dtype == DataType::kFloat32;
  const bool exact = problem.exact();
  const int64_t steps_of_block = patches ? kPatchTaps : 1;
  WgmmaTile best;
  double least = 0;
  for (const Candidate& candidate : kCandidates) {
    if (patches ? !candidate.patches : !candidate.products) continue;
    // Groups that round what they read do not share it.
    if (candidate.sharing > 1 && (rounds || p.k_tiles * steps_of_block < 2)) continue;
    int64_t tiles_m = divide_up(p.m, candidate.rows);
    int64_t patch = 0;
    if (patches) {
      const PatchTiles tiles = patch_tiles(p.width, p.height, candidate.rows / 64);
      tiles_m = tiles.count() * (p.m / (p.width * p.height));
      patch = tiles.bytes(problem.line_bytes);
    }
    if (exact && candidate.rows == 256) continue;
    const int64_t blocks = tiles_m * divide_up(p.n, candidate.columns);
    const int64_t loaded =
        (candidate.columns + (patches ? 0 : candidate.rows)) * problem.line_bytes;
    const double step_bytes = static_cast<double>(loaded) + static_cast<double>(patch) / kPatchTaps;
    const int64_t copies = exact ? 2 : 1;
    const int64_t stage = loaded * copies;
    const int64_t resident = exact ? 1 : candidate.resident;
    for (int splits = 1; splits <= std::min<int64_t>(kMaxCluster, p.k_tiles); ++splits) {
      if (splits > 1 && blocks > gpu.clusters[static_cast<size_t>(splits)]) continue;
      WgmmaTile tile{candidate.rows, candidate.columns, splits, 0, 0, candidate.sharing};
      // A multiprocessor has registers for one more of TF32's narrow tiles.
      const Work work{blocks,
                      p.k_tiles * steps_of_block,
                      step_bytes,
                      problem.line_bytes,
                      resident + (rounds && !exact && candidate.columns == 64 ? 1 : 0),
                      rounds,
                      exact};
      const double clocks = estimate(tile, work, gpu.count);
      if (best.rows > 0 && clocks >= least) continue;
      const int64_t own_blocks = divide_up(p.k_tiles, splits);
      const int64_t own_patches = std::min<int64_t>(own_blocks, 2) * patch * copies;
      const int64_t at_once = std::min<int64_t>(divide_up(blocks * splits, gpu.count), resident);
      const int64_t budget = std::min(kMostShared, kAllShared / at_once - kSharedOfBlock);
      tile.stages = stages_of((budget - own_patches - joined_bytes(tile)) / stage,
                              own_blocks * steps_of_block, candidate.sharing);
      if (tile.stages < least_stages(own_blocks * steps_of_block, candidate.sharing)) continue;
      least = clocks;
      const int64_t sums = std::max<int64_t>(tile.columns + 8, tile.columns * tile.sharing) *
                           tile.rows * int64_t{sizeof(float)};
      tile.joined_at = std::max(tile.stages * stage + own_patches, sums);
      tile.shared_bytes = static_cast<unsigned>(kTermBytes + tile.joined_at + joined_bytes(tile));
      best = tile;
    }
  }
  return best;
}

WgmmaTile choose_norm_tile(const GemmProblem& problem, const Multiprocessors& gpu) {
  const GemmParameters& p = problem.parameters;
  constexpr int kRows = 64;
  constexpr int64_t kLoaded = (kRows + kNormColumns) * kLineBytes;
  const int64_t stage = kLoaded * (problem.exact() ? 2 : 1);
  constexpr int64_t kMostShared = 202 * 1024;  // eight stages behind the largest head
  const int64_t parts = p.n / kNormColumns;
  const int64_t blocks = divide_up(p.m, kRows) * parts;
  const int sharing = problem.dtype == DataType::kFloat32 ? 1 : 2;
  const int64_t head = kTermBytes + norm_bytes((parts <= 4 ? 4 : kMostNormParts) * sharing);
  WgmmaTile best;
  double least = 0;
  for (int splits = 1; splits <= std::min<int64_t>(kMaxCluster / parts, p.k_tiles); ++splits) {
    if (splits > 1 && blocks / parts > gpu.clusters[static_cast<size_t>(splits * parts)]) {
      continue;
    }
    WgmmaTile tile{kRows, kNormColumns, splits, 0, 0, sharing};
    const double clocks =
        estimate(tile,
                 {blocks, p.k_tiles, kLoaded, kLineBytes, sharing == 1 && !problem.exact() ? 2 : 1,
                  sharing == 1, problem.exact()},
                 gpu.count);
    if (best.rows > 0 && clocks >= least) continue;
    least = clocks;
    tile.stages = stages_of((kMostShared - head - joined_bytes(tile)) / stage,
                            std::max<int64_t>(divide_up(p.k_tiles, splits), sharing), sharing);
    TENDON_ASSERT(tile.stages >= least_stages(divide_up(p.k_tiles, splits), sharing));
    const int64_t sums = int64_t{kRows} * kNormColumns * int64_t{sizeof(float)} * sharing;
    tile.joined_at = std::max(tile.stages * stage, sums);
    tile.shared_bytes = static_cast<unsigned>(head + tile.joined_at + joined_bytes(tile));
    best = tile;
  }
  return best;
}

}  // namespace tendon::cuda
