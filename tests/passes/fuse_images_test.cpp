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

constexpr Binary kSub{BinaryKind::kSub};

ValueId convolution(GraphBuilder& b, ValueId x, int64_t channels = 3) {
  FusedConv conv;
  conv.strides = {2, 2};
  conv.pads = {1, 1, 1, 1};
  conv.channels_last = true;
  conv.activation = Activation::kRelu;
  return b.node(conv, {x, b.random_constant({5, channels, 3, 3}), b.random_constant({5})}, "conv");
}
ValueId to_last(GraphBuilder& b, ValueId x) { return b.node(Transpose{.perm = {0, 2, 3, 1}}, {x}); }

// rewrite FusedConv(Transpose(Reshape(Sub(x, mean)))) -> ImageConv(Reshape(x), mean)
TEST(FuseImages, OffsetAndLayout) {
  GraphBuilder b;
  const ValueId x = b.input("x", {1, 2, 3, 6, 4});
  const ValueId centred = b.node(kSub, {x, b.random_constant({1, 1, 3, 1, 1})});
  const ValueId images = b.node(Reshape{}, {centred, b.ints({2, 3, 6, 4})});
  b.output(convolution(b, to_last(b, images)));
  const Graph after = rewritten(b.done(), fuse_images);
  EXPECT_THAT(types_of(after), ElementsAre("Reshape", "ImageConv"));
  EXPECT_FALSE(the_op<ImageConv>(after).channels_last);
}

// rewrite FusedConv(Add(c, Sub(Cast(x), mean))) -> ImageConv(x, mean - c)
TEST(FuseImages, BytesThatAreChannelsLast) {
  GraphBuilder b;
  const ValueId x = b.input("x", {2, 6, 4, 3}, DataType::kUInt8);
  const ValueId wide = b.node(Cast{.to = DataType::kFloat32}, {x});
  const ValueId centred = b.node(kSub, {wide, b.random_constant({3})});
  b.output(convolution(b, b.node(kAdd, {b.random_constant({1}), centred})));
  const Graph after = rewritten(b.done(), fuse_images);
  EXPECT_THAT(types_of(after), ElementsAre("ImageConv"));
  EXPECT_TRUE(the_op<ImageConv>(after).channels_last);
  EXPECT_EQ(after.type(the<ImageConv>(after).inputs[0]).dtype, DataType::kUInt8);
}

ValueId pool(GraphBuilder& b, ValueId x, int64_t stride) {
  MaxPool op;
  op.kernel_shape = {3, 3};
  op.strides = {stride, stride};
  op.pads = {1, 1, 1, 1};
  op.channels_last = true;
  return b.node(op, {x});
}

// rewrite MaxPool(FusedConv(Transpose(x))) -> ImageConv(x)
TEST(FuseImages, TheMaxPoolAfterIt) {
  GraphBuilder b;
  b.output(pool(b, convolution(b, to_last(b, b.input("x", {2, 3, 18, 13}))), 2));
  const Graph after = rewritten(b.done(), fuse_images);
  EXPECT_THAT(types_of(after), ElementsAre("ImageConv"));
  EXPECT_TRUE(the_op<ImageConv>(after).pooled);
}

TEST(FuseImages, AnotherPoolStays) {
  GraphBuilder b;
  b.output(pool(b, convolution(b, to_last(b, b.input("x", {2, 3, 18, 14}))), 1));
  EXPECT_THAT(types_of(rewritten(b.done(), fuse_images)), ElementsAre("ImageConv", "MaxPool"));
}

TEST(FuseImages, WhatIsNoPreparationStaysOutside) {
  GraphBuilder b;
  const ValueId x = b.input("x", {2, 6, 4, 3});
  b.output(convolution(b, b.node(kSub, {b.random_constant({3}), x})));
  b.output(convolution(b, b.node(kSub, {x, b.random_constant({6, 1, 1})})));
  b.output(convolution(b, b.input("plain", {2, 6, 4, 3})));
  const ValueId shown = b.node(kSub, {x, b.random_constant({3})});
  b.output(shown);
  b.output(convolution(b, shown));
  b.output(convolution(b, to_last(b, b.input("many", {1, 5, 6, 4})), 5));
  testing::expect_unchanged(b.done(), fuse_images);
}

// rewrite MaxPool(Q(FusedConv(Transpose(x)))) -> ImageConv(x) that writes codes
TEST(FuseImages, CodesBeforeAPool) {
  GraphBuilder b;
  const ValueId x = b.input("x", {1, 3, 9, 13});
  const ValueId codes =
      b.node(QuantizeLinear{}, {convolution(b, to_last(b, x)), b.constant(Tensor::scalar(0.02f)),
                                b.constant(Tensor::scalar(uint8_t{0}))});
  b.output(pool(b, codes, 2));
  const Graph after = rewritten(b.done(), fuse_images);
  EXPECT_THAT(types_of(after), ElementsAre("ImageConv"));
  EXPECT_TRUE(the_op<ImageConv>(after).pooled);
  EXPECT_EQ(the_op<ImageConv>(after).y_dtype, DataType::kUInt8);
  EXPECT_FLOAT_EQ(the_op<ImageConv>(after).y_scale, 0.02f);
}

}  // namespace
}  // namespace tendon
