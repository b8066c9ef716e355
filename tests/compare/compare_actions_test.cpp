// compare_actions: errors by joint and step, in both units, and where the worst one is.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <tendon/compare_actions.h>

#include <cmath>
#include <limits>

#include "support/files.h"

namespace tendon {
namespace {

using testing::expect_bad_input;
using testing::expect_error;
using ::testing::HasSubstr;

NormStats stats_of(std::vector<float> action_std) {
  NormStats stats;
  stats.action_mean.assign(action_std.size(), 0.5f);
  stats.action_std = std::move(action_std);
  return stats;
}

/// (1, steps, 2) filled with `value`, but for one element.
Tensor chunk(int64_t steps, float value, int64_t step = 0, int64_t joint = 0, float other = 0) {
  std::vector<float> values(static_cast<size_t>(steps * 2), value);
  if (other != 0) values[static_cast<size_t>(step * 2 + joint)] = other;
  return Tensor::from(Shape{1, steps, 2}, values);
}

RunResults results_of(std::vector<Tensor> reference, std::vector<Tensor> tested) {
  RunResults results{{{"pytorch", {}}, {"engine", {}}}};
  for (Tensor& tensor : reference) {
    results.runners[0].iterations.push_back({{{"action", std::move(tensor)}}, 0});
  }
  for (Tensor& tensor : tested) {
    results.runners[1].iterations.push_back({{{"action", std::move(tensor)}}, 0});
  }
  return results;
}

TEST(CompareActions, ActionsMayBeInTheRobotsUnits) {
  ActionAccumulator errors(stats_of({0.1f, 4}), {}, true);
  errors.add(chunk(3, 0.5f), chunk(3, 0));
  const ActionComparison c = errors.finish("engine", "pytorch");
  EXPECT_NEAR(c.joints[0].robot.max, 0.5, 1e-6);
  EXPECT_NEAR(c.joints[0].normalized.max, 5, 1e-6);
  EXPECT_NEAR(c.joints[1].robot.max, 0.5, 1e-6);
  EXPECT_NEAR(c.joints[1].normalized.max, 0.125, 1e-6);
}

TEST(CompareActions, FiguresByJointAndStepInBothUnits) {
  const RunResults results =
      results_of({chunk(3, 0), chunk(3, 0)}, {chunk(3, 0.5f), chunk(3, -0.5f, 1, 1, -2)});
  const ActionComparison c = compare_actions(results, stats_of({0.1f, 4}),
                                             {.joints = {{"elbow", "rad"}, {"grip", "open"}}});
  EXPECT_EQ(c.tested, "engine");
  EXPECT_EQ(c.reference, "pytorch");
  EXPECT_EQ(c.iterations, 2u);
  ASSERT_EQ(c.joints.size(), 2u);
  EXPECT_DOUBLE_EQ(c.joints[0].normalized.mean, 0.5);
  EXPECT_DOUBLE_EQ(c.joints[0].normalized.rms, 0.5);
  EXPECT_NEAR(c.joints[0].robot.max, 0.05, 1e-8);
  const ErrorFigures& grip = c.joints[1].robot;
  EXPECT_DOUBLE_EQ(grip.mean, (5 * 2.0 + 8.0) / 6);
  EXPECT_DOUBLE_EQ(grip.rms, std::sqrt((5 * 4.0 + 64.0) / 6));
  EXPECT_NEAR(grip.p99, 2 + 0.95 * 6, 1e-12);
  EXPECT_DOUBLE_EQ(grip.max, 8);
  EXPECT_EQ(grip.iteration, 1u);
  EXPECT_EQ(grip.step, 1);
  EXPECT_EQ(grip.joint, 1);
  ASSERT_EQ(c.steps.size(), 3u);
  EXPECT_DOUBLE_EQ(c.steps[0].max, 0.5);
  EXPECT_DOUBLE_EQ(c.steps[1].max, 2);
  EXPECT_DOUBLE_EQ(c.overall.max, 2);
}

TEST(CompareActions, TheTableNamesJointsUnitsAndTheWorstPlace) {
  const std::string table = to_table(
      compare_actions(results_of({chunk(2, 0)}, {chunk(2, 0, 1, 1, 3)}), stats_of({1, 0.5f})));
  EXPECT_THAT(table, HasSubstr("joint_1"));
  EXPECT_THAT(table, HasSubstr("units"));
  EXPECT_THAT(table, HasSubstr("1.5"));
  EXPECT_THAT(table, HasSubstr("iteration 0, step 1"));
}

TEST(CompareActions, AlohasJointsHaveNamesAndUnits) {
  const std::vector<JointInfo> joints = default_joints(14);
  ASSERT_EQ(joints.size(), 14u);
  EXPECT_EQ(joints[0].name, "left_waist");
  EXPECT_EQ(joints[6].name, "left_gripper");
  EXPECT_EQ(joints[6].unit, "open");
  EXPECT_EQ(joints[12].unit, "rad");
  EXPECT_EQ(joints[13].name, "right_gripper");
  EXPECT_EQ(default_joints(7)[0].name, "waist");
  EXPECT_EQ(default_joints(3)[2].unit, "units");
}

TEST(CompareActions, RefusesWhatDoesNotFit) {
  const NormStats two = stats_of({1, 1});
  const RunResults good = results_of({chunk(2, 0)}, {chunk(2, 0)});
  expect_bad_input({"(1, 2, 2)", "(steps, 3)"}, [&] {
    compare_actions(good, stats_of({1, 1, 1}));
  });
  expect_bad_input({"(1, 3, 2)", "(1, 2, 2)", "equal shapes"},
                   [&] { compare_actions(results_of({chunk(2, 0)}, {chunk(3, 0)}), two); });
  expect_bad_input({"a chunk of 3 steps after chunks of 2"}, [&] {
    compare_actions(results_of({chunk(2, 0), chunk(3, 0)}, {chunk(2, 0), chunk(3, 0)}), two);
  });
  expect_error(ErrorKind::kCheckFailed, {"tested actions hold 1 NaN, first at (0, 1, 0)"}, [&] {
    const float nan = std::numeric_limits<float>::quiet_NaN();
    compare_actions(results_of({chunk(2, 0)}, {chunk(2, 0, 1, 0, nan)}), two);
  });
  expect_error(ErrorKind::kUsage, {"1 joint names for the 2 actions"}, [&] {
    compare_actions(good, two, {.joints = {{"a", "rad"}}});
  });
  expect_error(ErrorKind::kUsage, {"'engine' has no output 'actions' (it has 'action')"},
               [&] { compare_actions(good, two, {.output = "actions"}); });
  expect_error(ErrorKind::kUsage, {"runners 5 and 0", "hold 2"},
               [&] { compare_actions(good, two, {.tested = 5}); });
  expect_error(ErrorKind::kUsage, {"no actions were given"},
               [&] { compare_actions(results_of({}, {}), two); });
}

}  // namespace
}  // namespace tendon
