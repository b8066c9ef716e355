// How the cuda backend chooses tiles, and what the rings in shared memory rest on.
#include <gmock/gmock.h>

#include "backends/cuda/gemm.h"
#include "backends/cuda/wgmma_tiles.h"

namespace tendon {
namespace {

using cuda::choose_gemm_tile;

TEST(CudaGemm, SmallResultsOfLongSumsAreShared) {
  const auto tile = choose_gemm_tile(100, 512, 50, 132);
  EXPECT_GT(tile.splits, 1) << "16 tiles of 64x64 leave 116 multiprocessors idle";
  EXPECT_EQ(choose_gemm_tile(57600, 64, 9, 132).splits, 1);
  EXPECT_EQ(choose_gemm_tile(57600, 64, 9, 132).columns, 64);
  EXPECT_EQ(choose_gemm_tile(8192, 8192, 128, 132).rows, 128);
  EXPECT_EQ(choose_gemm_tile(1, 8, 1, 132).splits, 1) << "there is one step to share";
}

cuda::GemmProblem product(int m, int n, int k_tiles) {
  cuda::GemmProblem problem;
  problem.parameters.m = m;
  problem.parameters.n = n;
  problem.parameters.k_tiles = k_tiles;
  return problem;
}

/// As an H100 reports them.
cuda::Multiprocessors h100() { return {132, {0, 0, 66, 39, 30, 22, 17, 15, 15}}; }

TEST(CudaWgmma, TilesKeepAllMultiprocessorsBusy) {
  constexpr auto kMatrix = cuda::WgmmaSource::kMatrix;
  const auto tile = [](const cuda::GemmProblem& problem) {
    return cuda::choose_wgmma_tile(problem, kMatrix, h100());
  };
  EXPECT_EQ(tile(product(8192, 8192, 128)).columns, 128);
  EXPECT_EQ(tile(product(902, 512, 8)).rows, 64) << "32 tiles of 128x128 leave 100 idle";
  EXPECT_GT(tile(product(100, 512, 50)).splits, 1) << "16 tiles leave 116 idle";
  EXPECT_EQ(tile(product(8192, 8192, 128)).splits, 1);
  const auto shared = tile(product(1, 8, 1));
  EXPECT_EQ(shared.stages, 1) << "there is one step";
  EXPECT_GE(shared.shared_bytes, 64u * 72 * sizeof(float)) << "the sums pass through it";
}

TEST(CudaWgmma, ASumIsSharedByNoMoreBlocksThanRunAtOnce) {
  cuda::GemmProblem problem = product(30 * 40, 256, 4);
  problem.dtype = DataType::kFloat16;
  problem.parameters.width = 40;
  problem.parameters.height = 30;
  cuda::Multiprocessors gpu = h100();
  const auto choose = [&] {
    return cuda::choose_wgmma_tile(problem, cuda::WgmmaSource::kPatches, gpu);
  };
  EXPECT_NE(choose().splits, 3) << "40 clusters would take two turns";
  gpu.clusters[3] = 40;
  EXPECT_EQ(choose().splits, 3);
  const auto norm = [&] { return cuda::choose_norm_tile(product(302, 512, 25), gpu).splits; };
  EXPECT_EQ(norm(), 2);
  gpu.clusters[8] = 4;
  EXPECT_EQ(norm(), 1) << "5 clusters of 8 would take two turns";
}

TEST(CudaWgmma, GroupsShareKWhereOneWouldWaitForItself) {
  cuda::GemmProblem problem = product(902, 512, 36);
  problem.dtype = DataType::kFloat16;
  const auto choose = [&] {
    return cuda::choose_wgmma_tile(problem, cuda::WgmmaSource::kMatrix, h100());
  };
  EXPECT_EQ(choose().sharing, 2);
  EXPECT_EQ(choose().threads(), 544) << "four groups for 128 rows, and a warp that loads";
  EXPECT_EQ(cuda::choose_norm_tile(problem, h100()).sharing, 2);
  problem.dtype = DataType::kFloat32;
  EXPECT_EQ(choose().sharing, 1) << "each group rounds its own factors";
  EXPECT_EQ(cuda::choose_norm_tile(problem, h100()).sharing, 1);
}

/// Of products of all kinds: `steps` are those of a block's own part of k.
template <class Check>
void for_tiles(const Check& check) {
  for (const DataType dtype : {DataType::kFloat16, DataType::kFloat32}) {
    for (const int columns : {128, 256, 512, 640, 768, 1024}) {
      for (int lines = 1; lines <= 64; ++lines) {
        cuda::GemmProblem problem = product(900, columns, lines);
        problem.dtype = dtype;
        const auto check_tile = [&](const cuda::WgmmaTile& tile, int steps_of_line) {
          const int steps = (lines + tile.splits - 1) / tile.splits * steps_of_line;
          SCOPED_TRACE(fmt::format("{}, {} columns, {} lines, {} stages", dtype, columns, lines,
                                   tile.stages));
          check(tile, steps);
        };
        check_tile(cuda::choose_norm_tile(problem, h100()), 1);
        check_tile(cuda::choose_wgmma_tile(problem, cuda::WgmmaSource::kMatrix, h100()), 1);
        problem.parameters.width = 20;
        problem.parameters.height = 15;
        check_tile(cuda::choose_wgmma_tile(problem, cuda::WgmmaSource::kPatches, h100()), 9);
      }
    }
  }
}

TEST(CudaWgmma, APlaceInTheRingNeverChangesHands) {
  for_tiles([](const cuda::WgmmaTile& tile, int steps) {
    EXPECT_TRUE(tile.stages % tile.sharing == 0 || tile.stages >= steps);
  });
}

TEST(CudaWgmma, AGroupFindsItsNextStepBesideTheOneItHolds) {
  for_tiles([](const cuda::WgmmaTile& tile, int steps) {
    ASSERT_GT(tile.rows, 0);
    EXPECT_GE(tile.stages, std::min(steps, 2 * tile.sharing)) << "it would wait for ever";
    EXPECT_LE(tile.shared_bytes, 225u * 1024);
  });
}

TEST(CudaWgmma, PatchesOfWideImagesAreLarge) {
  cuda::GemmProblem problem = product(3 * 120 * 160, 64, 1);
  problem.dtype = DataType::kFloat16;
  problem.parameters.width = 160;
  problem.parameters.height = 120;
  const auto tile = cuda::choose_wgmma_tile(problem, cuda::WgmmaSource::kPatches, h100());
  EXPECT_EQ(tile.rows, 256) << "so that all blocks are there at once";
  EXPECT_EQ(tile.columns, 64);
}

}  // namespace
}  // namespace tendon
