#include "passes/passes.h"
#include "support/operators.h"
#include "support/rewrites.h"

namespace tendon {
namespace {

using testing::count_nodes;
using testing::GraphBuilder;

const Conv kConv = [] {
  Conv conv;
  conv.pads = {1, 1, 1, 1};
  return conv;
}();

/// One residual block with the given weights.
ValueId block(GraphBuilder& b, ValueId x, ValueId w, ValueId scale) {
  const ValueId y =
      b.node(kRelu, {b.node(Binary{BinaryKind::kMul}, {b.node(kConv, {x, w}), scale})});
  return b.node(kAdd, {y, x});
}

// rewrite a -> block(w), b -> block(w) -> Concat(a, b) -> block(w) -> Split
TEST(BatchSharedBranches, CamerasShareOneBackbone) {
  GraphBuilder b;
  const ValueId w = b.random_constant({4, 4, 3, 3});
  const ValueId scale = b.random_constant({1, 4, 1, 1});
  std::vector<ValueId> features;
  for (const char* name : {"left", "middle", "right"}) {
    const ValueId scaled = b.node(kAdd, {b.input(name, {2, 4, 5, 6}), scale});
    features.push_back(block(b, block(b, scaled, w, scale), w, scale));
  }
  b.output(b.node(Concat{.axis = 3}, features));
  const Graph after = testing::rewritten(b.done(), batch_shared_branches);
  EXPECT_EQ(count_nodes<Conv>(after), 2u);
  EXPECT_EQ(count_nodes<Split>(after), 1u);
  EXPECT_EQ(testing::count_type(after, "Relu"), 2u);
}

TEST(BatchSharedBranches, AValueReadInsideOneLaneOnlyIsSplitOffThere) {
  GraphBuilder b;
  const ValueId w = b.random_constant({4, 4, 3, 3});
  const ValueId left = b.node(kConv, {b.input("left", {1, 4, 5, 6}), w});
  const ValueId right = b.node(kConv, {b.input("right", {1, 4, 5, 6}), w});
  b.output(b.node(kRelu, {left}));
  b.output(b.node(Unary{UnaryKind::kTanh}, {right}));
  b.output(right);
  const Graph after = testing::rewritten(b.done(), batch_shared_branches);
  EXPECT_EQ(count_nodes<Conv>(after), 1u);
}

TEST(BatchSharedBranches, OtherWeightsOrShapesStay) {
  GraphBuilder b;
  const ValueId w = b.random_constant({4, 4, 3, 3});
  b.output(b.node(kConv, {b.input("a", {1, 4, 5, 6}), w}));
  b.output(b.node(kConv, {b.input("b", {1, 4, 5, 6}), b.random_constant({4, 4, 3, 3})}));
  b.output(b.node(kConv, {b.input("c", {1, 4, 7, 6}), w}));
  testing::expect_unchanged(b.done(), batch_shared_branches);
}

TEST(BatchSharedBranches, WeightsUsedTwiceInARowStay) {
  GraphBuilder b;
  const ValueId w = b.random_constant({4, 4, 3, 3});
  b.output(b.node(kConv, {b.node(kConv, {b.input("x", {1, 4, 5, 6}), w}), w}));
  testing::expect_unchanged(b.done(), batch_shared_branches);
}

}  // namespace
}  // namespace tendon
