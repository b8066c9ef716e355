#include "data/coverage.h"

#include <gtest/gtest.h>

#include "data/episode_files.h"
#include "support/files.h"

namespace tendon {
namespace {

TEST(Coverage, JointsOfTheSampleAgainstAllSteps) {
  const testing::TempDir folder;
  testing::write_episode(folder / "episode_0.hdf5", {.steps = 11});
  testing::write_episode(folder / "episode_1.hdf5", {.steps = 21});
  const EpisodicDataset dataset(folder.path().string(), {.cameras = {"top", "left"}});
  const std::vector<FrameId> frames = {{0, 5}, {1, 10}};
  const auto joints = joint_coverage(dataset, frames);
  ASSERT_EQ(joints.size(), 3u);
  EXPECT_EQ(joints[1].sample_min, 5.125);
  EXPECT_EQ(joints[1].sample_max, 10.125);
  EXPECT_EQ(joints[1].all_min, 0.125);
  EXPECT_EQ(joints[1].all_max, 20.125);
  EXPECT_EQ(joints[1].share(), 0.25);
  EXPECT_FALSE(joints[1].is_constant());
  EXPECT_TRUE(joint_coverage(dataset, std::vector<FrameId>{{0, 5}, {1, 5}})[0].is_constant());
}

TEST(Coverage, BrightnessOfEachCamera) {
  const testing::TempDir folder;
  const testing::EpisodeSpec spec{.steps = 4};
  testing::write_episode(folder / "episode_0.hdf5", spec);
  const EpisodicDataset dataset(folder.path().string(), {.cameras = {"top", "left"}});
  double sum = 0;
  for (int64_t step = 0; step < 4; ++step) {
    for (const uint8_t value : testing::pixels_of(spec, 0, step)) sum += value;
  }
  const auto brightness = camera_brightness(dataset, 100);
  ASSERT_EQ(brightness.size(), 2u);
  EXPECT_NEAR(brightness[1], sum / (4 * 16 * 32 * 3 * 255), 1e-9) << "in the order asked for";
  EXPECT_GT(std::abs(brightness[0] - brightness[1]), 0.01);
}

}  // namespace
}  // namespace tendon
