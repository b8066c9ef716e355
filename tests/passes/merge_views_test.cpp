#include "passes/passes.h"
#include "support/operators.h"
#include "support/rewrites.h"

namespace tendon {
namespace {

using ::testing::ElementsAre;
using testing::GraphBuilder;
using testing::rewritten;
using testing::types_of;

ValueId transpose(GraphBuilder& b, ValueId x, std::vector<int64_t> perm) {
  return b.node(Transpose{.perm = std::move(perm)}, {x});
}
ValueId reshape(GraphBuilder& b, ValueId x, std::vector<int64_t> shape) {
  return b.node(Reshape{}, {x, b.ints(std::move(shape))});
}

// rewrite Transpose(Transpose(x)) -> x
TEST(MergeViews, TransposesCancel) {
  GraphBuilder b;
  const ValueId x = b.input("x", {2, 3, 4, 5});
  b.output(b.node(kRelu, {transpose(b, transpose(b, x, {0, 2, 3, 1}), {0, 3, 1, 2})}));
  EXPECT_THAT(types_of(rewritten(b.done(), merge_views)), ElementsAre("Relu"));
}

// rewrite Transpose(x), moving axes of size 1 -> Reshape(x)
TEST(MergeViews, ATransposeOfAxesOfSizeOneIsAReshape) {
  GraphBuilder b;
  b.output(transpose(b, b.input("x", {7, 5, 1, 4}), {0, 2, 1, 3}));
  EXPECT_THAT(types_of(rewritten(b.done(), merge_views)), ElementsAre("Reshape"));
}

// rewrite Reshape(Squeeze(Unsqueeze(Flatten(x)))) -> Reshape(x)
TEST(MergeViews, ReshapesMerge) {
  GraphBuilder b;
  const ValueId flat = b.node(Flatten{.axis = 1}, {b.input("x", {2, 3, 4})});
  const ValueId longer = b.node(Unsqueeze{}, {flat, b.ints({0})});
  b.output(reshape(b, b.node(Squeeze{}, {longer, b.ints({0})}), {4, 6}));
  EXPECT_THAT(types_of(rewritten(b.done(), merge_views)), ElementsAre("Reshape"));
}

// rewrite Transpose(Reshape(Transpose(x))) -> Transpose(x) for flattened channels-last images
TEST(MergeViews, ChannelsLastImagesFlattenForFree) {
  GraphBuilder b;
  const ValueId image = transpose(b, b.input("x", {1, 15, 20, 8}), {0, 3, 1, 2});
  b.output(transpose(b, reshape(b, image, {1, 8, 300}), {2, 0, 1}));
  EXPECT_THAT(types_of(rewritten(b.done(), merge_views)), ElementsAre("Reshape"));
}

TEST(MergeViews, AnOutputInTheMiddleStays) {
  GraphBuilder b;
  const ValueId middle = transpose(b, b.input("x", {2, 3}), {1, 0});
  b.output(middle);
  b.output(b.node(kRelu, {transpose(b, middle, {1, 0})}));
  EXPECT_THAT(types_of(rewritten(b.done(), merge_views)), ElementsAre("Transpose", "Relu"));
}

TEST(MergeViews, WhatCannotBeSaidShorterStays) {
  GraphBuilder b;
  const ValueId crossed = reshape(b, transpose(b, b.input("x", {4, 6}), {1, 0}), {4, 6});
  b.output(transpose(b, crossed, {1, 0}));
  b.output(transpose(b, reshape(b, b.input("z", {4, 6}), {2, 2, 6}), {1, 0, 2}));
  b.output(b.node(Reshape{.allowzero = true}, {b.input("empty", {0, 6}), b.ints({3, 0})}));
  testing::expect_unchanged(b.done(), merge_views);
}

}  // namespace
}  // namespace tendon
