// Which frames are chosen, on episodes whose motion is known.
#include "data/sampling.h"

#include <gtest/gtest.h>

#include <set>

#include "data/episode_files.h"
#include "support/files.h"

namespace tendon {
namespace {

using testing::expect_error;
using testing::TempDir;

constexpr int64_t kSteps = 200;
constexpr int64_t kJoints = 14;

/// At rest, but for joint 2 that moves in steps 60 to 80 and the left gripper that closes in steps
/// 120 to 124.
std::vector<float> track() {
  std::vector<float> values;
  for (int64_t step = 0; step < kSteps; ++step) {
    for (int64_t joint = 0; joint < kJoints; ++joint) {
      const int64_t moved = joint == 2   ? std::clamp<int64_t>(step - 60, 0, 20)
                            : joint == 6 ? 4 * std::clamp<int64_t>(step - 120, 0, 5)
                                         : 0;
      values.push_back(static_cast<float>(moved) / 20);
    }
  }
  return values;
}

class SamplingTest : public ::testing::Test {
 protected:
  SamplingTest() {
    const testing::EpisodeSpec spec{
        .steps = kSteps, .joints = kJoints, .height = 2, .width = 2, .cameras = {"top"}};
    testing::Hdf5Writer file(folder / "episode_0.hdf5");
    file.dataset("observations/qpos", {kSteps, kJoints}, track());
    file.dataset("action", {kSteps, kJoints}, track());
    testing::write_camera(file, spec, 0);
  }
  std::vector<int64_t> steps(FrameSampling sampling, int64_t frames, uint64_t seed = 1) {
    const EpisodicDataset dataset(folder.path().string(), {.cameras = {"top"}});
    std::vector<int64_t> steps;
    for (const FrameId id :
         choose_frames(dataset, {.frames = frames, .sampling = sampling, .seed = seed})) {
      steps.push_back(id.step);
    }
    return steps;
  }
  static int64_t count_between(const std::vector<int64_t>& steps, int64_t first, int64_t last) {
    return std::ranges::count_if(steps,
                                 [&](int64_t step) { return step >= first && step <= last; });
  }

  TempDir folder;
};

TEST_F(SamplingTest, EveryWayChoosesAsManyFramesAsWantedAndNoneTwice) {
  for (const auto sampling : {FrameSampling::kUniform, FrameSampling::kPhase,
                              FrameSampling::kCoverage, FrameSampling::kRandom}) {
    for (const int64_t frames : {1, 7, 20, 199, 200}) {
      const std::vector<int64_t> chosen = steps(sampling, frames);
      EXPECT_EQ(static_cast<int64_t>(chosen.size()), frames);
      EXPECT_EQ(std::set<int64_t>(chosen.begin(), chosen.end()).size(), chosen.size());
    }
  }
}

TEST_F(SamplingTest, PhaseIsDenserInMotionAndAroundGripperSwitches) {
  const std::vector<int64_t> chosen = steps(FrameSampling::kPhase, 40);
  const std::vector<int64_t> uniform = steps(FrameSampling::kUniform, 40);
  EXPECT_TRUE(std::ranges::is_sorted(chosen));
  EXPECT_GT(count_between(chosen, 110, 134), count_between(uniform, 110, 134) * 3 / 2);
  EXPECT_GT(count_between(chosen, 61, 80), count_between(uniform, 61, 80));
  EXPECT_GT(count_between(chosen, 0, 50), 3) << "rest is not left out";
}

TEST_F(SamplingTest, CoverageGoesWhereThePositionsAre) {
  // 26 different positions: 22 of them while something moves.
  const std::vector<int64_t> chosen = steps(FrameSampling::kCoverage, 24);
  EXPECT_GE(count_between(chosen, 60, 80) + count_between(chosen, 120, 125), 20);
  EXPECT_TRUE(std::ranges::is_sorted(chosen));
}

TEST_F(SamplingTest, RandomFollowsItsSeed) {
  EXPECT_EQ(steps(FrameSampling::kRandom, 10, 3), steps(FrameSampling::kRandom, 10, 3));
  EXPECT_NE(steps(FrameSampling::kRandom, 10, 3), steps(FrameSampling::kRandom, 10, 4));
}

TEST_F(SamplingTest, ChosenFramesComeAsTheyAreAndMustExist) {
  const EpisodicDataset dataset(folder.path().string(), {.cameras = {"top"}});
  const std::vector<FrameId> wanted = {{0, 7}, {0, 3}};
  EXPECT_EQ(choose_frames(dataset, {.frames = 1, .chosen = wanted}), wanted);
  expect_error(ErrorKind::kUsage, {"step 200", "0..199"}, [&] {
    choose_frames(dataset, {.chosen = {{0, 200}}});
  });
  expect_error(ErrorKind::kUsage, {"300 frames wanted", "have 200"},
               [&] { choose_frames(dataset, {.frames = 300}); });
  expect_error(ErrorKind::kUsage, {"'dense'", "coverage"},
               [] { frame_sampling_from_name("dense"); });
}

TEST_F(SamplingTest, PartsTogetherAreTheWhole) {
  const EpisodicDataset dataset(folder.path().string(), {.cameras = {"top"}});
  const Observations whole = observations(dataset, get_norm_stats(dataset), {.frames = 10});
  std::vector<FrameId> joined;
  for (int64_t number = 1; number <= 3; ++number) {
    const Observations part = whole.part(number, 3);
    EXPECT_GE(part.frames().size(), 3u);
    for (const Observation& observation : part) joined.push_back(observation.frames[0]);
  }
  EXPECT_EQ(joined, whole.frames());
  EXPECT_THROW(whole.part(4, 3), Error);
}

}  // namespace
}  // namespace tendon
