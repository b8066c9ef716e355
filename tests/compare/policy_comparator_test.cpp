// PolicyComparator: recorded targets, phases, worst frames, and all of it together.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <tendon/comparison.h>

#include <limits>

#include "compare/pictures.h"
#include "compare/recorded_targets.h"
#include "compare/worst_frames.h"
#include "data/episode_files.h"
#include "data/jpeg.h"
#include "support/files.h"

namespace tendon {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using testing::EpisodeSpec;
using testing::expect_bad_input;
using testing::expect_error;
using testing::TempDir;

NormStats plain_stats(size_t joints) {
  NormStats stats;
  stats.qpos_mean.assign(joints, 0.0f);
  stats.qpos_std.assign(joints, 1.0f);
  stats.action_mean.assign(joints, 0.0f);
  stats.action_std.assign(joints, 1.0f);
  return stats;
}

/// One episode whose actions are `actions` (steps, 2): an arm joint and a gripper.
EpisodicDataset episode_with(const TempDir& folder, const std::vector<float>& actions) {
  EpisodeSpec spec;
  spec.steps = static_cast<int64_t>(actions.size() / 2);
  spec.joints = 2;
  spec.cameras = {"top"};
  {
    testing::Hdf5Writer file(folder / "episode_0.hdf5");
    write_episode(file, spec);
    file.remove("action");
    file.dataset("action", {static_cast<hsize_t>(spec.steps), 2}, actions);
  }
  return EpisodicDataset(folder.path().string());
}

const std::vector<JointInfo> kArmAndGripper = {{"elbow", "rad"}, {"gripper", "open"}};

TEST(RecordedTargets, ShiftRealRobotsAndMarkPadding) {
  for (const bool sim : {true, false}) {
    const TempDir folder;
    write_episode(folder / "episode_0.hdf5",
                  EpisodeSpec{.joints = 1, .cameras = {"a"}, .sim = sim});
    const std::vector<FrameId> frames = {{0, 0}, {0, 4}};
    RecordedTargets targets(EpisodicDataset(folder.path().string()), plain_stats(1), {{"j", "rad"}},
                            frames, 50);
    const auto first = targets.at({0, 0}, 3);
    EXPECT_EQ(first.known, 3);
    EXPECT_THAT(first.action.data<float>(), ElementsAre(100, 101, 102));
    const auto late = targets.at({0, 4}, 3);
    if (sim) {
      EXPECT_EQ(late.known, 2);
      EXPECT_THAT(late.action.data<float>(), ElementsAre(104, 105, 0));
      EXPECT_THAT(targets.recording(0).commands().data<float>(),
                  ElementsAre(100, 101, 102, 103, 104, 105));
    } else {
      EXPECT_EQ(late.known, 3);
      EXPECT_THAT(late.action.data<float>(), ElementsAre(103, 104, 105));
      EXPECT_THAT(targets.recording(0).commands().data<float>(),
                  ElementsAre(100, 100, 101, 102, 103, 104));
    }
  }
}

TEST(PhaseDetector, FindsSwitchesWithTheirSurroundingsAndFastSteps) {
  std::vector<float> actions;
  for (int step = 0; step < 100; ++step) {
    actions.push_back(step < 60 ? 0.0f : 1.0f);  // one fast step, at 60
    // Opens at 30; the wobble of step 70 crosses the middle only.
    actions.push_back(step == 70 ? 0.5f : step < 30 ? 0.1f : 0.9f);
  }
  const TempDir folder;
  const EpisodicDataset dataset = episode_with(folder, actions);
  const std::vector<int64_t> all = {0};
  const PhaseDetector detector(dataset, all, plain_stats(2), kArmAndGripper, 10);
  const std::vector<uint8_t> phases = detector.phases_of(dataset.open(0).action());
  for (int step = 0; step < 100; ++step) {
    const bool at_switch = step >= 28 && step <= 32;
    const int expected = (at_switch ? 1 : 0) | (step == 60 ? 2 : 0);
    EXPECT_EQ(phases[static_cast<size_t>(step)], expected) << step;
  }
}

TEST(PhaseDetector, AStillRobotHasNoPhases) {
  const TempDir folder;
  const EpisodicDataset dataset = episode_with(folder, std::vector<float>(40, 0.25f));
  const std::vector<int64_t> all = {0};
  const PhaseDetector detector(dataset, all, plain_stats(2), kArmAndGripper, 50);
  EXPECT_THAT(detector.phases_of(dataset.open(0).action()), Each(0));
}

WorstFrame worst_of(double error, size_t iteration = 0) {
  WorstFrame frame;
  frame.error = error;
  frame.iteration = iteration;
  return frame;
}

TEST(WorstFrames, KeepsDifferentMoments) {
  WorstFrames worst(2, 10);
  const auto offer = [&](double error, int64_t step) {
    const FrameId frame{0, step};
    if (worst.wants(error, &frame)) worst.put(worst_of(error, static_cast<size_t>(step)), &frame);
  };
  offer(1, 0);
  offer(5, 50);
  offer(6, 55);  // replaces its neighbour
  offer(4, 58);
  offer(3, 100);  // better than 1 only
  offer(2, 200);
  const std::vector<WorstFrame> kept = worst.take();
  ASSERT_EQ(kept.size(), 2u);
  EXPECT_EQ(kept[0].iteration, 55u);
  EXPECT_EQ(kept[1].iteration, 100u);
}

TEST(WorstFrames, NoErrorIsNoFinding) {
  EXPECT_FALSE(WorstFrames(3, 10).wants(0, nullptr));
  EXPECT_FALSE(WorstFrames(0, 10).wants(1, nullptr));
}

TEST(Pictures, AreSmallJpegsOfEveryCamera) {
  Tensor image(DataType::kFloat32, {1, 2, 3, 16, 1000});
  for (float& value : image.mutable_data<float>()) value = 0.5f;
  const TensorMap inputs = {{"image", image}, {"qpos", Tensor(DataType::kFloat32, {1, 14})}};
  const std::vector<Picture> pictures = pictures_from_inputs(inputs, {"top", "wrist"});
  ASSERT_EQ(pictures.size(), 2u);
  EXPECT_EQ(pictures[1].camera, "wrist");
  EXPECT_EQ(pictures[0].width, 250);
  EXPECT_EQ(pictures[0].height, 4);
  std::vector<uint8_t> planes(3 * 4 * 250);
  decode_jpeg(std::as_bytes(std::span(pictures[0].jpeg)), "test", 4, 250, false, planes);
  EXPECT_NEAR(planes[100], 128, 2);
}

TEST(Pictures, NormalisedImagesAreStretchedAndNaNIsBlack) {
  Tensor image(DataType::kFloat32, {3, 8, 8});
  for (float& value : image.mutable_data<float>()) value = -2;
  image.mutable_data<float>()[0] = 2;
  image.mutable_data<float>()[63] = std::numeric_limits<float>::quiet_NaN();
  const std::vector<Picture> pictures = pictures_from_inputs({{"front", image}}, {});
  ASSERT_EQ(pictures.size(), 1u);
  EXPECT_EQ(pictures[0].camera, "front");
}

class PolicyComparatorTest : public ::testing::Test {
 protected:
  static constexpr int64_t kSteps = 20;
  static constexpr int64_t kChunk = 8;
  static constexpr size_t kJoints = 2;

  PolicyComparatorTest() {
    EpisodeSpec spec{.steps = kSteps, .joints = kJoints, .cameras = {"left", "top"}};
    write_episode(folder_ / "episode_0.hdf5", spec);
    write_episode(folder_ / "episode_1.hdf5", spec);
  }

  /// What the recording has, plus `error` on the second joint at chunk step 3.
  static Tensor chunk(int64_t step, float error) {
    std::vector<float> values;
    for (int64_t i = 0; i < kChunk; ++i) {
      for (size_t joint = 0; joint < kJoints; ++joint) {
        const float recorded =
            100.0f + static_cast<float>(step + i) + 0.125f * static_cast<float>(joint);
        values.push_back(recorded + (i == 3 && joint == 1 ? error : 0.0f));
      }
    }
    return Tensor::from(Shape{1, kChunk, kJoints}, values);
  }

  std::optional<PolicyComparison> compare() {
    const EpisodicDataset dataset(folder_.path().string(), {.cameras = {"top", "left"}});
    std::vector<FrameId> frames;
    for (const int64_t episode : {0, 1}) {
      for (int64_t step = 0; step < kSteps; step += 2) frames.push_back({episode, step});
    }
    PolicyComparator comparator({"fp32", "int8"}, plain_stats(kJoints),
                                {.joints = {{"elbow", "rad"}, {"wrist", "rad"}}});
    comparator.follow(dataset, frames);
    for (const FrameId& frame : frames) {
      const float error = frame == FrameId{1, 6} ? -0.5f : 0.25f;
      const std::vector<IterationResult> results = {{{{"action", chunk(frame.step, 0)}}, 0.01},
                                                    {{{"action", chunk(frame.step, error)}}, 0}};
      const TensorMap inputs = {{"image", Tensor(DataType::kFloat32, {1, 2, 3, 8, 8})}};
      comparator.add(inputs, results);
    }
    return comparator.finish();
  }

  TempDir folder_;
};

TEST_F(PolicyComparatorTest, ComparesWithReferenceAndRecording) {
  const std::optional<PolicyComparison> c = compare();
  ASSERT_TRUE(c.has_value());
  ASSERT_EQ(c->actions.size(), 1u);
  const ActionComparison& actions = c->actions[0];
  EXPECT_EQ(actions.joints[0].robot.max, 0);
  EXPECT_EQ(actions.joints[1].robot.max, 0.5);
  EXPECT_EQ(actions.joints[1].robot.step, 3);
  EXPECT_EQ(c->names(actions.joints[1].robot.iteration), "episode_1 frame 6");
  EXPECT_EQ(actions.cell(3, 1).max, 0.5);
  EXPECT_LT(actions.cell(3, 1).bias, 0.25);
  EXPECT_EQ(actions.cell(2, 1).max, 0);
  // Queries at 14, 16, 18 look 2, 4 and 6 steps beyond the end.
  EXPECT_EQ(actions.padded, 2 * (2 + 4 + 6) * 2);
  EXPECT_EQ(actions.units[0].joints, 2);
  EXPECT_EQ(actions.phases.size(), 2u);
  ASSERT_EQ(c->recorded.size(), 2u);
  EXPECT_EQ(c->recorded[0].overall.max, 0);
  EXPECT_EQ(c->recorded[1].overall.max, 0.5);
}

TEST_F(PolicyComparatorTest, ExecutesEveryRunnerInEveryMode) {
  const std::optional<PolicyComparison> c = compare();
  ASSERT_EQ(c->execution.size(), 4u);
  const ExecutionComparison* chunks = c->find_execution("int8", ExecutionMode::kChunks);
  ASSERT_NE(chunks, nullptr);
  EXPECT_EQ(chunks->episodes, 2);
  EXPECT_EQ(chunks->commands, 2 * kSteps);
  EXPECT_EQ(chunks->borders, 2 * 2);
  EXPECT_EQ(chunks->deviation.joints[1].max, 0.25) << "frame 6 is not carried out in chunks";
  const ExecutionComparison* ensembled =
      c->find_execution("int8", ExecutionMode::kTemporalEnsembling);
  EXPECT_LT(ensembled->deviation.joints[1].max, 0.25);
  EXPECT_GT(ensembled->deviation.joints[1].max, 0);
  EXPECT_EQ(c->find_execution("fp32", ExecutionMode::kChunks)->deviation.joints[1].count, 0);
  ASSERT_TRUE(c->trajectories.has_value());
  EXPECT_EQ(c->trajectories->runners.size(), 2u);
  EXPECT_EQ(c->trajectories->recorded.shape(), Shape({kSteps, 2}));
}

TEST_F(PolicyComparatorTest, KeepsTheWorstFramesWithPictures) {
  const std::optional<PolicyComparison> c = compare();
  ASSERT_GE(c->worst_frames.size(), 2u);
  const WorstFrame& worst = c->worst_frames.front();
  EXPECT_EQ(worst.runner, 1u);
  EXPECT_EQ(worst.error, 0.5);
  EXPECT_EQ(worst.joint, 1);
  EXPECT_EQ(c->names(worst.iteration), "episode_1 frame 6");
  ASSERT_EQ(worst.pictures.size(), 2u);
  EXPECT_EQ(worst.pictures[0].camera, "top");
  ASSERT_EQ(worst.chunks.size(), 2u);
  EXPECT_FLOAT_EQ(worst.chunks[0][3] - worst.chunks[1][3], 0.5f);
  EXPECT_EQ(worst.recorded.size(), static_cast<size_t>(kChunk));
}

TEST(PolicyComparator, RunnersWithoutActionsAreLeftOut) {
  PolicyComparator comparator({"a", "b", "c"}, plain_stats(1));
  const Tensor zeros(DataType::kFloat32, {1, 4, 1});
  const auto result = [&](const char* name) { return IterationResult{{{name, zeros}}, 0}; };
  const std::vector<IterationResult> first = {result("action"), result("value"), result("action")};
  comparator.add({}, first);
  const std::vector<IterationResult> second = {result("action"), result("value"), result("other")};
  expect_bad_input({"'c' gives no output 'action' in iteration 1"},
                   [&] { comparator.add({}, second); });
  EXPECT_THAT(comparator.finish()->runners, ElementsAre("a", "c"));
  PolicyComparator none({"a", "b"}, plain_stats(1));
  const std::vector<IterationResult> nothing = {result("x"), result("action")};
  none.add({}, nothing);
  EXPECT_FALSE(none.finish().has_value());
}

TEST(PolicyComparator, RefusesOptionsOutOfRange) {
  expect_error(ErrorKind::kUsage, {".rate -1"}, [] {
    PolicyComparator({"a", "b"}, plain_stats(1), {.execution = {.rate = -1}});
  });
}

}  // namespace
}  // namespace tendon
