#include "passes/passes.h"
#include "support/operators.h"
#include "support/rewrites.h"

namespace tendon {
namespace {

using ::testing::ElementsAre;
using testing::GraphBuilder;
using testing::rewritten;
using testing::the;
using testing::the_op;
using testing::types_of;

// rewrite Relu(Add(Conv(x, w, b), r)) -> FusedConv(x, w, b, r)
TEST(FuseConv, ResidualAndActivation) {
  GraphBuilder b;
  Conv conv;
  conv.pads = {1, 1, 1, 1};
  const ValueId x = b.input("x", {2, 4, 5, 5});
  const ValueId y = b.node(conv, {x, b.random_constant({4, 4, 3, 3}), b.random_constant({4})});
  b.output(b.node(kRelu, {b.node(kAdd, {x, y})}, "out"));
  const Graph after = rewritten(b.done(), fuse_conv);
  EXPECT_THAT(types_of(after), ElementsAre("FusedConv"));
  EXPECT_EQ(the<FusedConv>(after).inputs.size(), 4u);
  EXPECT_EQ(after.value(after.outputs()[0]).name, "out");
}

// rewrite Add(Conv(x, w), r) -> FusedConv(x, w, none, r)
TEST(FuseConv, AResidualWithoutBias) {
  GraphBuilder b;
  const ValueId x = b.input("x", {2, 4, 5, 5});
  const ValueId left = b.node(Conv{}, {x, b.random_constant({6, 4, 1, 1})});
  const ValueId right = b.node(Conv{}, {x, b.random_constant({6, 4, 1, 1})});
  b.output(b.node(kAdd, {left, right}));
  const Graph after = rewritten(b.done(), fuse_conv);
  EXPECT_THAT(types_of(after), ElementsAre("FusedConv", "FusedConv"));
}

// rewrite Conv(auto_pad) -> FusedConv(pads)
TEST(FuseConv, PadsAreWrittenOut) {
  GraphBuilder b;
  Conv conv;
  conv.auto_pad = "SAME_UPPER";
  conv.strides = {2, 2};
  b.output(b.node(conv, {b.input("x", {1, 2, 6, 7}), b.random_constant({3, 2, 3, 3})}));
  const Graph after = rewritten(b.done(), fuse_conv);
  const FusedConv& op = the_op<FusedConv>(after);
  EXPECT_EQ(op.auto_pad, "NOTSET");
  EXPECT_THAT(op.pads, ElementsAre(0, 1, 1, 1));
  EXPECT_THAT(op.kernel_shape, ElementsAre(3, 3));
}

TEST(FuseConv, WhatSomethingElseReadsStaysOutside) {
  GraphBuilder b;
  const ValueId y = b.node(Conv{}, {b.input("x", {1, 2, 4, 4}), b.random_constant({3, 2, 1, 1})});
  b.output(b.node(kRelu, {y}));
  b.output(b.node(kAdd, {y, y}));
  EXPECT_THAT(types_of(rewritten(b.done(), fuse_conv)), ElementsAre("FusedConv", "Relu", "Add"));
}

TEST(FuseConv, ABroadcastSummandStaysOutside) {
  GraphBuilder b;
  const ValueId y = b.node(Conv{}, {b.input("x", {1, 2, 4, 4}), b.random_constant({3, 2, 1, 1})});
  b.output(b.node(kAdd, {y, b.input("r", {1, 3, 1, 1})}));
  EXPECT_THAT(types_of(rewritten(b.done(), fuse_conv)), ElementsAre("FusedConv", "Add"));
}

}  // namespace
}  // namespace tendon
