#include "passes/passes.h"
#include "support/rewrites.h"

namespace tendon {
namespace {

using ::testing::ElementsAre;
using testing::GraphBuilder;
using testing::rewritten;
using testing::types_of;

const Unary kSigmoid = Unary::of(UnaryKind::kSigmoid);

ValueId to_first(GraphBuilder& b, ValueId x) {
  return b.node(Transpose{.perm = {0, 3, 1, 2}}, {x});
}
ValueId to_last(GraphBuilder& b, ValueId x) { return b.node(Transpose{.perm = {0, 2, 3, 1}}, {x}); }

// rewrite Transpose(f(Transpose(x))) -> f(x) for x * sigmoid(x) + c
TEST(PushTransposes, ElementwiseChainsBetweenImages) {
  GraphBuilder b;
  const ValueId x = to_first(b, b.input("x", {2, 4, 5, 3}));
  const ValueId y = b.node(Binary{BinaryKind::kMul}, {x, b.node(kSigmoid, {x})});
  const ValueId z = b.node(Binary{BinaryKind::kAdd}, {b.random_constant({3, 1, 1}), y});
  b.output(b.node(kSigmoid, {to_last(b, z)}));
  EXPECT_THAT(types_of(rewritten(b.done(), {push_transposes, merge_views, remove_dead_code})),
              ElementsAre("Sigmoid", "Mul", "Add", "Sigmoid"));
}

// rewrite Concat(Transpose(x), Transpose(z)) -> Transpose(Concat(x, z)) along the turned axis
TEST(PushTransposes, ConcatAlongTheChannels) {
  GraphBuilder b;
  const ValueId x = to_first(b, b.input("x", {2, 4, 5, 3}));
  const ValueId z = to_first(b, b.input("z", {2, 4, 5, 2}));
  b.output(to_last(b, b.node(Concat{.axis = 1}, {x, z})));
  EXPECT_THAT(types_of(rewritten(b.done(), {push_transposes, merge_views, remove_dead_code})),
              ElementsAre("Concat"));
}

// rewrite Observe(axis 1)(Transpose(x)) -> Transpose(Observe(axis 3)(x))
TEST(PushTransposes, ObserversFollowTheLayout) {
  GraphBuilder b;
  Observe observe;
  observe.name = "seen";
  observe.axis = 1;
  b.output(to_last(b, b.node(observe, {to_first(b, b.input("x", {2, 4, 5, 3}))})));
  const Graph after = rewritten(b.done(), {push_transposes, merge_views, remove_dead_code});
  EXPECT_THAT(types_of(after), ElementsAre("Observe"));
  EXPECT_EQ(testing::the_op<Observe>(after).axis, 3);
}

// rewrite Transpose(Concat(Reshape(Cast(Transpose(x)) - c), i)) -> Concat(Reshape(Cast(x) - c'),
// i')
TEST(PushTransposes, FramesOfSeveralCameras) {
  GraphBuilder b;
  const ValueId frames = b.input("frames", {1, 2, 4, 5, 3}, DataType::kUInt8);
  const ValueId planes = b.node(Transpose{.perm = {0, 1, 4, 2, 3}}, {frames});
  const ValueId pixels = b.node(Cast{.to = DataType::kFloat32}, {planes});
  const ValueId centred =
      b.node(Binary{BinaryKind::kSub}, {pixels, b.random_constant({1, 1, 3, 1, 1})});
  const ValueId batch = b.node(Reshape{}, {centred, b.ints({2, 3, 4, 5})});
  b.output(to_last(b, b.node(Concat{.axis = 1}, {batch, b.random_constant({2, 1, 4, 5})})));
  EXPECT_THAT(types_of(rewritten(b.done(), {push_transposes, merge_views, remove_dead_code})),
              ElementsAre("Cast", "Sub", "Reshape", "Concat"));
}

// Axes that a Reshape cuts, and those of fewer than four, are no images.
TEST(PushTransposes, OtherReshapesStay) {
  GraphBuilder b;
  const ValueId planes =
      b.node(Transpose{.perm = {0, 1, 4, 2, 3}}, {b.input("frames", {1, 2, 4, 5, 3})});
  b.output(b.node(Reshape{}, {planes, b.ints({2, 3, 5, 4})}));
  b.output(b.node(kSigmoid, {b.node(Transpose{.perm = {2, 0, 1}}, {b.input("rows", {4, 5, 3})})}));
  testing::expect_unchanged(b.done(), push_transposes);
}

TEST(PushTransposes, TensorsOfOtherRanksStay) {
  GraphBuilder b;
  const ValueId x = b.input("x", {1, 2, 1, 3, 4});
  b.output(b.node(Concat{.axis = 4}, {x, x}));
  testing::expect_unchanged(b.done(), push_transposes);
}

TEST(PushTransposes, MixedLayoutsStay) {
  GraphBuilder b;
  const ValueId x = to_first(b, b.input("x", {2, 4, 5, 3}));
  b.output(b.node(Binary{BinaryKind::kAdd}, {x, b.input("first", {2, 3, 4, 5})}));
  b.output(b.node(Softmax{.axis = 1}, {x}));
  b.output(
      b.node(kSigmoid, {b.node(Transpose{.perm = {0, 2, 1, 3}}, {b.input("h", {2, 4, 5, 3})})}));
  b.output(b.node(Binary{BinaryKind::kAdd}, {x, b.random_constant({2, 1, 1, 1, 1})}));
  testing::expect_unchanged(b.done(), push_transposes);
}

}  // namespace
}  // namespace tendon
