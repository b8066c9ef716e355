#include "passes/passes.h"
#include "support/operators.h"
#include "support/rewrites.h"

namespace tendon {
namespace {

using ::testing::ElementsAre;
using testing::GraphBuilder;
using testing::rewritten;
using testing::types_of;

constexpr Binary kSub{BinaryKind::kSub};
constexpr Binary kDiv{BinaryKind::kDiv};

Conv padded(int64_t group = 1) {
  Conv conv;
  conv.pads = {1, 1, 1, 1};
  conv.group = group;
  return conv;
}

// rewrite Add(Mul(Conv(x, w), s), t) -> Conv(x, w * s, t)
TEST(FoldMulAdd, FrozenBatchNormIntoConv) {
  for (const Shape& shape : {Shape{1, 6, 1, 1}, Shape{6, 1, 1}}) {
    GraphBuilder b;
    const ValueId y =
        b.node(padded(), {b.input("x", {2, 4, 5, 5}), b.random_constant({6, 4, 3, 3})});
    const ValueId scaled = b.node(kMul, {y, b.random_constant(shape)});
    b.output(b.node(kAdd, {b.random_constant(shape), scaled}, "out"));
    EXPECT_THAT(types_of(rewritten(b.done(), fold_mul_add)), ElementsAre("Conv"));
  }
}

// rewrite Sub(Div(Gemm(x, w, b), s), t) -> Gemm(x, w / s, b / s - t)
TEST(FoldMulAdd, IntoGemm) {
  for (const bool trans_b : {false, true}) {
    GraphBuilder b;
    const ValueId weight = b.random_constant(trans_b ? Shape{6, 4} : Shape{4, 6});
    const ValueId y = b.node(Gemm{.alpha = 0.5f, .trans_b = trans_b},
                             {b.input("x", {3, 4}), weight, b.random_constant({1, 6})});
    const ValueId scaled = b.node(kDiv, {y, b.constant(Tensor::scalar(0.3f))});
    b.output(b.node(kSub, {scaled, b.random_constant({6})}));
    EXPECT_THAT(types_of(rewritten(b.done(), fold_mul_add)), ElementsAre("Gemm"));
  }
}

// rewrite Mul(Add(MatMul(x, w), b), s) -> Add(MatMul(x, w * s), b * s)
TEST(FoldMulAdd, AScaleAfterABiasedProduct) {
  GraphBuilder b;
  const ValueId y = b.node(MatMul{}, {b.input("x", {3, 2, 4}), b.random_constant({4, 6})});
  const ValueId biased = b.node(kAdd, {b.random_constant({6}), y});
  b.output(b.node(kMul, {biased, b.constant(Tensor::scalar(0.125f))}));
  EXPECT_THAT(types_of(rewritten(b.done(), fold_mul_add)), ElementsAre("MatMul", "Add"));
}

// rewrite Mul(Transpose(Add(MatMul(x, w), b)), s) -> Transpose(Add(MatMul(x, w * s), b * s))
TEST(FoldMulAdd, AScaleBehindATranspose) {
  for (const bool biased : {false, true}) {
    GraphBuilder b;
    ValueId y = b.node(MatMul{}, {b.input("x", {2, 3, 5, 4}), b.random_constant({4, 6})});
    if (biased) y = b.node(kAdd, {y, b.random_constant({6})});
    const ValueId first = b.node(Transpose{.perm = {0, 3, 1, 2}}, {y});
    b.output(b.node(kMul, {first, b.random_constant({6, 1, 1})}));
    std::vector<std::string> expected{"MatMul", "Transpose"};
    if (biased) expected.insert(expected.begin() + 1, "Add");
    EXPECT_THAT(types_of(rewritten(b.done(), fold_mul_add)), ::testing::ElementsAreArray(expected));
  }
}

TEST(FoldMulAdd, AFactorOfAnotherAxisStaysBehindItsTranspose) {
  GraphBuilder b;
  const ValueId y = b.node(MatMul{}, {b.input("x", {2, 3, 5, 4}), b.random_constant({4, 6})});
  const ValueId first = b.node(Transpose{.perm = {0, 3, 1, 2}}, {y});
  b.output(b.node(kMul, {first, b.random_constant({3, 1})}));
  testing::expect_unchanged(b.done(), fold_mul_add);
}

// rewrite Conv(Reshape(Div(x, s)), w) -> Conv(Reshape(x), w / s)
TEST(FoldMulAdd, AFactorBeforeAConv) {
  GraphBuilder b;
  const ValueId images = b.input("images", {1, 2, 3, 5, 5});
  const ValueId scaled =
      b.node(kDiv, {images, b.constant(Tensor::from<float>({1, 1, 3, 1, 1}, {0.2f, 0.3f, 0.4f}))});
  const ValueId batch = b.node(Reshape{}, {scaled, b.ints({2, 3, 5, 5})});
  b.output(b.node(padded(), {batch, b.random_constant({4, 3, 3, 3})}));
  EXPECT_THAT(types_of(rewritten(b.done(), fold_mul_add)), ElementsAre("Reshape", "Conv"));
}

TEST(FoldMulAdd, WhatIsNotPerChannelStays) {
  GraphBuilder b;
  const ValueId w = b.random_constant({4, 4, 3, 3});
  const ValueId x = b.input("x", {2, 4, 5, 5});
  const auto conv = [&] { return b.node(padded(), {x, w}); };
  b.output(b.node(kMul, {conv(), b.random_constant({5, 5})}));
  b.output(b.node(kMul, {conv(), b.random_constant({2, 4, 1, 1})}));
  b.output(b.node(kMul, {conv(), b.random_constant({3, 1, 1, 1, 1})}));
  b.output(b.node(kDiv, {b.constant(Tensor::scalar(1.0f)), conv()}));
  b.output(b.node(kMul, {conv(), conv()}));
  // A summand in front would have to be added to the padding as well.
  b.output(b.node(padded(), {b.node(kAdd, {x, b.random_constant({4, 1, 1})}), w}));
  // Each group reads other channels.
  b.output(b.node(padded(2), {b.node(kMul, {x, b.random_constant({4, 1, 1})}),
                              b.random_constant({4, 2, 3, 3})}));
  testing::expect_unchanged(b.done(), fold_mul_add);
}

TEST(FoldMulAdd, NotWhereSomethingElseReadsTheProduct) {
  GraphBuilder b;
  const ValueId y = b.node(MatMul{}, {b.input("x", {3, 4}), b.random_constant({4, 6})});
  b.output(b.node(kMul, {y, b.random_constant({6})}));
  b.output(b.node(Softmax{}, {y}));
  testing::expect_unchanged(b.done(), fold_mul_add);
}

// rewrite x -> x * (1 + erf(x / sqrt(2))) * 0.5 -> MatMul(w) stays, for fuse_gelu to find
TEST(FoldMulAdd, NotTheHalfOfAGelu) {
  GraphBuilder b;
  const ValueId x = b.input("x", {3, 4});
  const ValueId scaled = b.node(kDiv, {x, b.constant(Tensor::scalar(1.4142135f))});
  const ValueId bell = b.node(
      kAdd, {b.node(Unary::of(UnaryKind::kErf), {scaled}), b.constant(Tensor::scalar(1.0f))});
  const ValueId gelu = b.node(kMul, {b.node(kMul, {x, bell}), b.constant(Tensor::scalar(0.5f))});
  b.output(b.node(MatMul{}, {gelu, b.random_constant({4, 6})}));
  testing::expect_unchanged(b.done(), fold_mul_add);
}

}  // namespace
}  // namespace tendon
