#include "passes/passes.h"
#include "support/operators.h"
#include "support/rewrites.h"

namespace tendon {
namespace {

// rewrite a -> out, a -> b -> nothing   ->   a -> out
TEST(RemoveDeadCode, KeepsOnlyWhatOutputsNeed) {
  testing::GraphBuilder b;
  const ValueId a = b.node(kRelu, {b.input("x", {2})}, "a");
  b.output(a);
  b.node(Softmax{}, {b.node(kRelu, {a})});
  const Graph after = testing::rewritten(b.done(), remove_dead_code);
  EXPECT_THAT(testing::types_of(after), ::testing::ElementsAre("Relu"));
}

TEST(RemoveDeadCode, OneUsedOutputKeepsItsNode) {
  testing::GraphBuilder b;
  const auto parts = b.node(Split{.axis = 0, .num_outputs = 2}, {b.input("x", {4})}, 2, "split");
  b.output(parts[1]);
  testing::expect_unchanged(b.done(), remove_dead_code);
}

}  // namespace
}  // namespace tendon
