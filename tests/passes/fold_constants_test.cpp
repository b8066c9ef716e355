#include "base/limits.h"
#include "passes/passes.h"
#include "support/operators.h"
#include "support/rewrites.h"

namespace tendon {
namespace {

using ::testing::ElementsAre;
using testing::GraphBuilder;
using testing::rewritten;
using testing::types_of;

// rewrite Add(constant, constant) -> constant
TEST(FoldConstants, ComputesConstantsAndKeepsTheRest) {
  GraphBuilder b;
  const ValueId sum = b.node(kAdd, {b.random_constant({3}), b.random_constant({3})}, "sum");
  b.output(b.node(kMul, {b.input("x", {2, 3}), sum}));
  const Graph after = rewritten(b.done(), fold_constants);
  EXPECT_THAT(types_of(after), ElementsAre("Mul"));
  EXPECT_EQ(after.value(after.nodes()[0].inputs[1]).name, "sum");
}

// rewrite Shape(x) -> constant
TEST(FoldConstants, FollowsShapes) {
  GraphBuilder b;
  const ValueId x = b.input("x", {2, 3});
  const ValueId shape = b.node(ShapeOf{}, {b.node(kRelu, {x})});
  const ValueId first = b.node(Gather{}, {shape, b.ints({1, 0})});
  b.output(b.node(Reshape{}, {x, first}));
  EXPECT_THAT(types_of(rewritten(b.done(), {fold_constants, remove_dead_code})),
              ElementsAre("Reshape"));
}

TEST(FoldConstants, ShapeArithmeticLeavesWeightsAlone) {
  GraphBuilder b;
  const ValueId x = b.input("x", {2, 3});
  const ValueId shape = b.node(kAdd, {b.ints({2, 1}), b.ints({1, 1})});
  const ValueId weight = b.node(kMul, {b.random_constant({3}), b.random_constant({3})});
  b.output(
      b.node(kAdd, {b.node(Reshape{}, {x, shape}), b.node(Reshape{}, {weight, b.ints({3, 1})})}));
  EXPECT_THAT(types_of(rewritten(b.done(), fold_shape_arithmetic)),
              ElementsAre("Mul", "Reshape", "Reshape", "Add"));
}

TEST(FoldConstants, StopsAtTheLimit) {
  const Limits before = limits();
  limits().max_folded_bytes = 100;
  GraphBuilder b;
  const ValueId small = b.node(kRelu, {b.random_constant({10})});
  const ValueId large = b.node(kRelu, {b.random_constant({16})});
  b.output(b.node(kAdd, {b.input("x", {10}), small}));
  b.output(b.node(kAdd, {b.input("z", {16}), large}));
  const Graph after = rewritten(b.done(), fold_constants);
  limits() = before;
  EXPECT_EQ(testing::count_type(after, "Relu"), 1u);
}

TEST(FoldConstants, QuantizedWeightsStayQuantized) {
  GraphBuilder b;
  const ValueId weight = b.constant(Tensor::from<int8_t>(Shape{2}, {1, 2}));
  const ValueId scale = b.constant(Tensor::scalar(0.5f));
  b.output(b.node(kAdd, {b.input("x", {2}), b.node(DequantizeLinear{}, {weight, scale})}));
  testing::expect_unchanged(b.done(), fold_constants);
}

TEST(FoldConstants, NamesTheNodeThatCannotBeComputed) {
  GraphBuilder b;
  const ValueId zero = b.constant(Tensor::from<int64_t>(Shape{}, {0}));
  const ValueId quotient =
      b.node(Binary{BinaryKind::kDiv},
             {b.constant(Tensor::from<int64_t>(Shape{5000}, std::vector<int64_t>(5000, 1))), zero},
             "quotient");
  b.output(quotient);
  Graph graph = b.done();
  try {
    fold_constants(graph);
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), ::testing::HasSubstr("[Div 'quotient']: integer division by zero"));
  }
}

}  // namespace
}  // namespace tendon
