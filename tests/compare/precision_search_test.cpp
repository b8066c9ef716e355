// Error limits, and which layers leave INT8 so that a limit or a command is content.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <tendon/calibrator.h>
#include <tendon/loaders.h>
#include <tendon/precision_search.h>

#include "api/network_impl.h"
#include "base/format.h"
#include "support/files.h"
#include "support/graphs.h"

namespace tendon {
namespace {

using testing::expect_error;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;
using ::testing::UnorderedElementsAreArray;

ErrorBudget budget_of(std::vector<std::string> texts) { return error_budget_from_texts(texts); }

ErrorFigures with_p99(double p99) {
  ErrorFigures figures;
  figures.p99 = p99;
  return figures;
}

/// Two revolute joints and a gripper; 0.01 rad over both, and their own figures.
ActionComparison some_errors() {
  ActionComparison errors;
  for (const auto& [name, unit] : {std::pair("elbow", "rad"), {"wrist", "rad"}, {"grip", "open"}}) {
    JointError& joint = errors.joints.emplace_back();
    joint.joint = {name, unit};
    joint.robot = with_p99(joint.joint.name == "elbow" ? 0.02 : 0.005);
    joint.normalized = with_p99(joint.joint.name == "grip" ? 0.3 : 0.1);
  }
  errors.units.resize(2);
  errors.units[0].unit = "open";
  errors.units[0].robot = with_p99(0.5);
  errors.units[1].unit = "rad";
  errors.units[1].robot = with_p99(0.01);
  return errors;
}

TEST(ErrorBudget, ReadsAllThreeForms) {
  const ErrorBudget budget = budget_of({"0.002", "left=elbow=0.01", "5%"});
  EXPECT_EQ(budget.all, 0.002);
  EXPECT_EQ(budget.joints, (std::map<std::string, double>{{"left=elbow", 0.01}}));
  EXPECT_EQ(budget.deviations, 0.05);
  for (const char* bad : {"", "0", "-1", "nan", "0.1rad", "elbow=", "elbow=0", "%", "5%%"}) {
    expect_error(ErrorKind::kUsage, {bad, "0.002, joint=0.01 or 5%"}, [&] { budget_of({bad}); });
  }
}

TEST(ErrorBudget, TheTightestLimitCounts) {
  const ActionComparison errors = some_errors();
  EXPECT_DOUBLE_EQ(share_of_budget(errors, budget_of({"0.02"})), 0.5) << "joints in rad alone";
  EXPECT_DOUBLE_EQ(share_of_budget(errors, budget_of({"0.02", "elbow=0.01"})), 2);
  EXPECT_DOUBLE_EQ(share_of_budget(errors, budget_of({"10%"})), 3);
  expect_error(ErrorKind::kUsage, {"knee", "elbow, wrist, grip"},
               [&] { share_of_budget(errors, budget_of({"knee=1"})); });
}

/// Five layers in a row, all small enough to stay float32 unless asked for.
Network five_layers() {
  testing::GraphBuilder b;
  ValueId x = b.input("state", {1, 4, 32});
  for (int i = 1; i <= 5; ++i) {
    const std::string name = fmt::format("fc{}", i);
    x = b.node(MatMul{}, {x, b.random_constant({32, i == 5 ? 14 : 32})}, name);
    if (i < 5) x = b.node(Unary::of(UnaryKind::kRelu), {x}, name + ".relu");
  }
  b.output(b.node(Identity{}, {x}, "action"));
  return network_from_graph(b.done());
}

/// Those in INT8, calibrated on the frame that they are judged on.
class PrecisionSearch : public ::testing::Test {
 protected:
  PrecisionSearch() {
    for (const TensorInfo& input : network_.inputs()) {
      Shape shape;
      for (const Axis& axis : input.axes) shape.push_back(axis.min);
      frame_[input.name] = testing::random_tensor(shape);
    }
    config_.calibration =
        Calibrator(std::vector<TensorMap>{frame_}, {.algorithm = CalibrationAlgorithm::kMinMax})
            .run(network_);
    stats_.action_mean.assign(14, 0);
    stats_.action_std.assign(14, 1);
  }

  Network network_ = five_layers();
  EngineConfig config_{.int8 = true, .layer_precisions = {{"fc*", DataType::kInt8}}};
  TensorMap frame_;
  NormStats stats_;
};

TEST_F(PrecisionSearch, RaisesLayersUntilTheLimitHolds) {
  const std::vector<TensorMap> frames{frame_};
  const PrecisionSearchResult loose =
      search_precisions(network_, config_, frames, stats_, budget_of({"1000"}));
  EXPECT_THAT(loose.raised, IsEmpty());
  ASSERT_EQ(loose.trials.size(), 1u);
  ASSERT_EQ(loose.int8_layers.size(), 5u);

  // Half of the error of the whole recipe.
  const double limit = loose.trials[0].share * 1000 / 2;
  const PrecisionSearchResult tight =
      search_precisions(network_, config_, frames, stats_, budget_of({fmt::format("{}", limit)}));
  EXPECT_LE(tight.trials.back().share, 1);
  EXPECT_GT(tight.trials.front().share, 1);
  EXPECT_FALSE(tight.raised.empty());
  EXPECT_EQ(tight.raised.size() + tight.int8_layers.size(), loose.int8_layers.size());
  EXPECT_EQ(tight.sensitivities.size(), loose.int8_layers.size());
  const PrecisionSearchResult tightest =
      search_precisions(network_, config_, frames, stats_, budget_of({"1e-12"}));
  EXPECT_THAT(tightest.int8_layers, IsEmpty());
  EXPECT_EQ(tightest.trials.back().share, 0);
  expect_error(ErrorKind::kUsage, {"no frames"},
               [&] { search_precisions(network_, config_, {}, stats_, budget_of({"1"})); });
}

TEST_F(PrecisionSearch, FindsTheLayersThatAJudgeCannotBear) {
  const std::set<std::string> all = engine_from_network(network_, config_).int8_layers();
  ASSERT_EQ(all.size(), 5u);
  const std::set<std::string> wrong = {"fc1", "fc4"};
  const auto passes = [&](const Engine& engine) {
    const std::set<std::string> layers = engine.int8_layers();
    return std::ranges::none_of(wrong, [&](const auto& layer) { return layers.contains(layer); });
  };
  const RaisedLayers found = raise_until(network_, config_, passes);
  EXPECT_THAT(found.layers, UnorderedElementsAreArray(wrong));
  EXPECT_THAT(found.engine->int8_layers(), UnorderedElementsAre("fc2", "fc3", "fc5"));
  EXPECT_LE(found.trials, 10) << "two binary searches";

  EXPECT_THAT(raise_until(network_, config_, [](const Engine&) { return true; }).layers, IsEmpty());
  expect_error(ErrorKind::kCheckFailed, {"even without INT8"},
               [&] { raise_until(network_, config_, [](const Engine&) { return false; }); });
}

}  // namespace
}  // namespace tendon
