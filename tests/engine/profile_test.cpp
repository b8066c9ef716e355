// Profiles: filling, refusing, and planning further shapes on first use.
#include "engine/profile.h"

#include <gmock/gmock.h>

#include "backends/reference/reference.h"
#include "engine/context.h"
#include "engine/plan.h"
#include "ir/infer.h"
#include "support/graphs.h"
#include "support/toy_backend.h"

namespace tendon {
namespace {

using ::testing::HasSubstr;
using testing::random_tensor;

/// z = softmax(x w) with x (batch, 3).
Graph batched() {
  Graph graph;
  const ValueId x = graph.add_input("x", DataType::kFloat32, {{-1, "batch"}, {3, ""}});
  const ValueId w = graph.add_constant(random_tensor({3, 4}), "w");
  const NodeId product = graph.add_node(MatMul{}, {x, w}, {"xw"}, "product");
  const NodeId softmax =
      graph.add_node(Softmax{}, {graph.node(product).outputs[0]}, {"z"}, "softmax");
  graph.add_output(graph.node(softmax).outputs[0]);
  return graph;
}

std::shared_ptr<const CompiledEngine> engine_with(const ShapeProfile& profile) {
  static testing::ToyBackend toy;
  Backend* const backends[] = {&toy, &reference_backend()};
  return build_engine(batched(), {.profile = profile}, backends);
}

TEST(Profile, OpenDimensionsBecomeOne) {
  const auto ports = resolve_profile(batched(), {});
  EXPECT_EQ(ports[0].range.min, Shape({1, 3}));
  EXPECT_FALSE(has_range(ports));
}

TEST(Profile, BadProfilesAreRefused) {
  const struct {
    ShapeProfile profile;
    std::vector<std::string> says;
  } cases[] = {
      {{{"x", {{4, 3}, {2, 3}, {8, 3}}}}, {"'x'", "min=(4, 3), opt=(2, 3)", "min <= opt"}},
      {{{"x", {{1, 3}, {9, 3}, {8, 3}}}}, {"'x'", "opt=(9, 3), max=(8, 3)"}},
      {{{"x", {{1, 3}, {3}, {8, 3}}}}, {"'x'", "equal ranks"}},
      {{{"x", {{1, 2}, {1, 3}, {1, 4}}}}, {"'x'", "(1, 2)", "(batch, 3)"}},
      {{{"q", {{1, 3}, {1, 3}, {1, 3}}}}, {"no input 'q'", "inputs are x"}},
  };
  for (const auto& test : cases) {
    try {
      resolve_profile(batched(), test.profile);
      ADD_FAILURE() << test.says[0];
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kUsage);
      for (const std::string& part : test.says) EXPECT_THAT(error.what(), HasSubstr(part));
    }
  }
}

TEST(Profile, EveryShapeInsideRunsAndOneOutsideNamesBoth) {
  const auto engine = engine_with({{"x", {{1, 3}, {2, 3}, {5, 3}}}});
  EXPECT_EQ(engine->outputs()[0].range.min, Shape({1, 4}));
  EXPECT_EQ(engine->outputs()[0].range.opt, Shape({2, 4}));
  EXPECT_EQ(engine->outputs()[0].range.max, Shape({5, 4}));
  ExecutionContext context(engine);
  for (const int64_t batch : {2, 5, 1, 3, 5, 2}) {
    const TensorMap inputs = {{"x", random_tensor({batch, 3})}};
    Graph bound = batched();
    bind_inputs(bound, {{"x", {batch, 3}}});
    EXPECT_EQ(context.infer(inputs).at("z"), testing::run_reference(bound, inputs).at("z"));
  }
  try {
    context.infer({{"x", random_tensor({6, 3})}});
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kUsage);
    EXPECT_THAT(error.what(), HasSubstr("(6, 3)"));
    EXPECT_THAT(error.what(), HasSubstr("[min=(1, 3), opt=(2, 3), max=(5, 3)]"));
  }
}

TEST(Profile, PlansShareWeightsAndAreKept) {
  const auto engine = engine_with({{"x", {{1, 3}, {2, 3}, {5, 3}}}});
  const Shape five[] = {{5, 3}};
  const auto plan = engine->plan_for(five);
  EXPECT_EQ(plan, engine->plan_for(five));
  EXPECT_NE(plan, engine->plan());
  ASSERT_EQ(plan->constants.size(), 1u);
  EXPECT_EQ(plan->constants[0].raw(), engine->plan()->constants[0].raw());
}

TEST(Profile, TheMemoryLimitIsEnforced) {
  Backend* const backends[] = {&reference_backend()};
  try {
    build_engine(batched(), {.memory_limit = 8}, backends);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kUsage);
    EXPECT_THAT(error.what(), HasSubstr("memory limit of 8"));
  }
}

}  // namespace
}  // namespace tendon
