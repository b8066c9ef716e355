// Limits: what their text means, which one counts, and what exceeds them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <tendon/action_limits.h>

#include <cmath>
#include <limits>

#include "support/files.h"

namespace tendon {
namespace {

using testing::expect_error;
using ::testing::HasSubstr;

std::vector<ActionLimit> limits_of(std::initializer_list<const char*> texts) {
  std::vector<ActionLimit> limits;
  for (const char* text : texts) limits.push_back(action_limit_from_text(text));
  return limits;
}

/// One tested runner, two joints: max 0.5 and 0.1, p99 a tenth of that.
PolicyComparison policy_of() {
  PolicyComparison policy;
  policy.runners = {"fp32", "int8"};
  policy.joints = {{"elbow", "rad"}, {"grip:per", "open"}};
  ActionComparison& c = policy.actions.emplace_back();
  c.tested = "int8";
  for (size_t i = 0; i < 2; ++i) {
    JointError& error = c.joints.emplace_back();
    error.robot.max = i == 0 ? 0.5 : 0.1;
    error.robot.p99 = error.robot.max / 10;
  }
  return policy;
}

void add_jumps(PolicyComparison& policy, double reference, double tested) {
  for (const double jump : {reference, tested}) {
    ExecutionComparison& execution = policy.execution.emplace_back();
    execution.runner = policy.runners[policy.execution.size() - 1];
    execution.jump.joints.resize(2);
    execution.jump.joints[0].max = jump;
  }
}

TEST(ActionLimits, TheTextNamesJointAndFigure) {
  const ActionLimit plain = action_limit_from_text("left_elbow=0.01");
  EXPECT_EQ(plain.joint, "left_elbow");
  EXPECT_EQ(plain.stat, LimitStat::kMax);
  EXPECT_EQ(plain.value, 0.01);
  EXPECT_EQ(action_limit_from_text("*:p99=1e-3").stat, LimitStat::kP99);
  EXPECT_EQ(to_string(action_limit_from_text("a=b:jump=1.2")), "a=b:jump=1.2");
  EXPECT_EQ(action_limit_from_text("grip:per=1").joint, "grip:per");
  EXPECT_EQ(action_limit_from_text(":rms=1").joint, ":rms") << "a joint may have any name";
  for (const char* bad : {"elbow", "=1", "elbow=", "elbow=x", "elbow=-1", "elbow=nan", "e=1 "}) {
    expect_error(ErrorKind::kUsage, {"--limit", bad}, [&] { action_limit_from_text(bad); });
  }
}

TEST(ActionLimits, AJointsOwnLimitGoesBeforeTheOneForAll) {
  const PolicyComparison policy = policy_of();
  EXPECT_TRUE(check_limits(policy, limits_of({"*=0.5"})).empty());
  EXPECT_EQ(check_limits(policy, limits_of({"*=0.05"})).size(), 2u);
  const auto found = check_limits(policy, limits_of({"elbow=1", "*=0.05", "elbow:p99=0.04"}));
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(to_string(found[0]), "int8: p99 of elbow is 0.05 rad, limit 0.04");
  EXPECT_EQ(to_string(found[1]), "int8: max of grip:per is 0.1 open, limit 0.05");
  EXPECT_TRUE(check_limits(policy, limits_of({"*=0.05", "*=1"})).empty()) << "the later one counts";
}

TEST(ActionLimits, NaNExceedsEveryLimit) {
  PolicyComparison policy = policy_of();
  policy.actions[0].joints[0].robot.max = std::numeric_limits<double>::quiet_NaN();
  EXPECT_EQ(check_limits(policy, limits_of({"elbow=1e9"})).size(), 1u);
}

TEST(ActionLimits, JumpsAreMultiplesOfTheReferences) {
  PolicyComparison policy = policy_of();
  expect_error(ErrorKind::kUsage, {"--episodes"},
               [&] { check_limits(policy, limits_of({"*:jump=1.2"})); });
  add_jumps(policy, 0.1, 0.15);
  const auto found = check_limits(policy, limits_of({"*:jump=1.2"}));
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].joint, "elbow");
  EXPECT_NEAR(found[0].found, 1.5, 1e-12);
  EXPECT_THAT(to_string(found[0]), HasSubstr("1.5 times the reference's jump"));
  EXPECT_TRUE(check_limits(policy, limits_of({"*:jump=1.6"})).empty());
}

TEST(ActionLimits, UnknownJointsAreNamed) {
  expect_error(ErrorKind::kUsage, {"'elbo'", "did you mean 'elbow'", "elbow, grip:per"},
               [] { check_limits(policy_of(), limits_of({"elbo=1"})); });
}

}  // namespace
}  // namespace tendon
