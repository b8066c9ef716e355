// Execution of chunks: which prediction becomes which command, and what is measured of them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <tendon/execution.h>

#include <cmath>

#include "compare/execution_tally.h"
#include "support/files.h"

namespace tendon {
namespace {

using ::testing::ElementsAre;
using testing::expect_error;
using Origin = Trajectory::Origin;

/// (1, steps, 1): base, base + 1, …
Tensor ramp(float base, int64_t steps = 4) {
  std::vector<float> values;
  for (int64_t i = 0; i < steps; ++i) values.push_back(base + static_cast<float>(i));
  return Tensor::from(Shape{1, steps, 1}, values);
}

std::vector<float> commands_of(const Trajectory& trajectory) {
  const auto values = trajectory.commands.data<float>();
  return {values.begin(), values.end()};
}

TEST(ChunkExecutor, CarriesOutEachChunkToItsEnd) {
  ChunkExecutor executor(ExecutionMode::kChunks);
  for (int64_t step = 0; step < 10; ++step) {
    executor.add(step, ramp(static_cast<float>(100 * step)));
  }
  const Trajectory trajectory = executor.finish(10);
  EXPECT_THAT(commands_of(trajectory), ElementsAre(0, 1, 2, 3, 400, 401, 402, 403, 800, 801));
  EXPECT_EQ(trajectory.origins[4], Origin::kBorder);
  EXPECT_EQ(trajectory.origins[5], Origin::kInside);
}

TEST(ChunkExecutor, AsksAgainAfterSoManySteps) {
  ChunkExecutor executor(ExecutionMode::kChunks, {.query_every = 2});
  for (int64_t step = 0; step < 4; ++step) {
    executor.add(step, ramp(static_cast<float>(100 * step)));
  }
  EXPECT_THAT(commands_of(executor.finish(5)), ElementsAre(0, 1, 200, 201, 202));
}

TEST(ChunkExecutor, TakesTheLastFrameThatTheChunkReaches) {
  ChunkExecutor executor(ExecutionMode::kChunks);
  for (const int64_t step : {0, 3, 6}) executor.add(step, ramp(static_cast<float>(100 * step)));
  const Trajectory trajectory = executor.finish(9);
  EXPECT_THAT(commands_of(trajectory), ElementsAre(0, 1, 2, 300, 301, 302, 600, 601, 602));
}

TEST(ChunkExecutor, LeavesGapsAndForgetsTheLastEpisode) {
  ChunkExecutor executor(ExecutionMode::kChunks);
  executor.add(1, ramp(0));
  executor.add(7, ramp(700));
  Trajectory trajectory = executor.finish(9);
  EXPECT_THAT(commands_of(trajectory), ElementsAre(0, 0, 1, 2, 3, 0, 0, 700, 701));
  EXPECT_THAT(trajectory.origins,
              ElementsAre(Origin::kUncovered, Origin::kBorder, Origin::kInside, Origin::kInside,
                          Origin::kInside, Origin::kUncovered, Origin::kUncovered, Origin::kBorder,
                          Origin::kInside));
  executor.add(0, ramp(5));
  EXPECT_THAT(commands_of(executor.finish(2)), ElementsAre(5, 6));
}

TEST(ChunkExecutor, EnsemblingWeighsTheOldestMost) {
  ChunkExecutor executor(ExecutionMode::kTemporalEnsembling, {.ensembling_decay = 0.5});
  executor.add(0, ramp(0));
  executor.add(1, ramp(10));
  executor.add(2, ramp(20));
  const std::vector<float> commands = commands_of(executor.finish(6));
  const double w1 = std::exp(-0.5), w2 = std::exp(-1.0);
  EXPECT_FLOAT_EQ(commands[0], 0);
  EXPECT_FLOAT_EQ(commands[1], static_cast<float>((1 + w1 * 10) / (1 + w1)));
  EXPECT_FLOAT_EQ(commands[2], static_cast<float>((2 + w1 * 11 + w2 * 20) / (1 + w1 + w2)));
  EXPECT_FLOAT_EQ(commands[3], static_cast<float>((3 + w1 * 12 + w2 * 21) / (1 + w1 + w2)));
  // The first chunk has ended; the next one is now the oldest.
  EXPECT_FLOAT_EQ(commands[4], static_cast<float>((13 + w1 * 22) / (1 + w1)));
  EXPECT_FLOAT_EQ(commands[5], 23);
}

TEST(ChunkExecutor, AZeroIsAPredictionLikeAnyOther) {
  ChunkExecutor executor(ExecutionMode::kTemporalEnsembling, {.ensembling_decay = 0});
  executor.add(0, Tensor(DataType::kFloat32, {1, 4, 1}));
  executor.add(1, ramp(10));
  EXPECT_FLOAT_EQ(commands_of(executor.finish(2))[1], 5);
}

TEST(ChunkExecutor, RefusesWhatDoesNotFit) {
  expect_error(ErrorKind::kUsage, {".rate 0"},
               [] { ChunkExecutor(ExecutionMode::kChunks, {.rate = 0}); });
  expect_error(ErrorKind::kUsage, {".query_every is 5", "4 steps"},
               [] { ChunkExecutor(ExecutionMode::kChunks, {.query_every = 5}).add(0, ramp(0)); });
  ChunkExecutor executor(ExecutionMode::kChunks);
  executor.add(3, ramp(0));
  expect_error(ErrorKind::kUsage, {"step 3", "ascending"}, [&] { executor.add(3, ramp(0)); });
  expect_error(ErrorKind::kUsage, {"(1, 5, 1)"}, [&] { executor.add(4, ramp(0, 5)); });
  expect_error(ErrorKind::kUsage, {"3 steps has a chunk at step 3"}, [&] { executor.finish(3); });
}

TEST(ExecutionTally, MeasuresMotionAndItsDeviation) {
  NormStats stats;
  stats.action_mean = {0};
  stats.action_std = {2};
  const auto scales =
      std::make_shared<const JointScales>(stats, std::vector<JointInfo>{{"elbow", "rad"}});
  const auto carry_out = [](float first, float second) {
    ChunkExecutor executor(ExecutionMode::kChunks);
    executor.add(0, ramp(first));
    executor.add(4, ramp(second));
    return executor.finish(8);
  };
  const Trajectory reference = carry_out(0, 4), tested = carry_out(0, 5);
  const Tensor recorded = Tensor::from<float>({8, 1}, {0, 1, 2, 3, 4, 5, 6, 8});
  ExecutionTally tally(scales, 10);
  tally.add(tested, &reference, recorded, 3);
  const ExecutionComparison c = tally.finish("int8", ExecutionMode::kChunks);
  EXPECT_EQ(c.commands, 8);
  EXPECT_EQ(c.borders, 1);
  EXPECT_EQ(c.uncovered, 0);
  EXPECT_DOUBLE_EQ(c.deviation.joints[0].mean, 2 * 0.5);
  EXPECT_EQ(c.deviation.joints[0].iteration, 3u);
  EXPECT_EQ(c.deviation.joints[0].step, 4);
  EXPECT_DOUBLE_EQ(c.velocity.joints[0].max, 2 * 2 * 10);
  EXPECT_DOUBLE_EQ(c.velocity_deviation.joints[0].max, 2 * 1 * 10);
  EXPECT_DOUBLE_EQ(c.jump.joints[0].max, 2 * 2);
  EXPECT_EQ(c.jump.joints[0].count, 1);
  // Commands 0 1 2 3 5 6 7 8: third differences 0 1 -2 1 0.
  EXPECT_DOUBLE_EQ(c.jerk.joints[0].max, 2 * 2 * 1000);
  EXPECT_EQ(c.jerk.joints[0].count, 5);
  EXPECT_DOUBLE_EQ(c.from_recorded.joints[0].mean, 2 * 3.0 / 8);
  EXPECT_EQ(c.deviation.units[0].unit, "rad");
  EXPECT_DOUBLE_EQ(largest_deviation(tested, reference), 1);
}

}  // namespace
}  // namespace tendon
