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

// rewrite Relu(Add(Add(MatMul(x, w), b), r)) -> FusedMatMul(x, w, b, r)
TEST(FuseMatmul, BiasResidualAndActivation) {
  for (const UnaryKind kind : {UnaryKind::kRelu, UnaryKind::kGelu}) {
    GraphBuilder b;
    const ValueId y = b.node(MatMul{}, {b.input("x", {3, 2, 4}), b.random_constant({4, 6})});
    const ValueId biased = b.node(kAdd, {b.random_constant({1, 6}), y});
    const ValueId sum = b.node(kAdd, {b.input("r", {3, 2, 6}), biased});
    b.output(b.node(Unary::of(kind), {sum}, "out"));
    const Graph after = rewritten(b.done(), fuse_matmul);
    EXPECT_THAT(types_of(after), ElementsAre("FusedMatMul"));
    EXPECT_EQ(the<FusedMatMul>(after).inputs.size(), 4u);
    EXPECT_EQ(after.shape(the<FusedMatMul>(after).inputs[2]), Shape{6});
    EXPECT_EQ(the_op<FusedMatMul>(after).activation,
              kind == UnaryKind::kRelu ? Activation::kRelu : Activation::kGelu);
    EXPECT_EQ(after.value(after.outputs()[0]).name, "out");
  }
}

// rewrite Gemm(x, w, c) -> FusedMatMul(x, w, c)
TEST(FuseMatmul, EveryGemm) {
  for (int bits = 0; bits < 32; ++bits) {
    SCOPED_TRACE(bits);
    const auto bit = [&](int i) { return (bits >> i & 1) != 0; };
    GraphBuilder b;
    const Gemm gemm{.alpha = bit(0) ? 0.5f : 1.0f,
                    .beta = bit(1) ? 0.25f : 1.0f,
                    .trans_a = bit(2),
                    .trans_b = bit(3)};
    const ValueId a = b.input("a", bit(2) ? Shape{4, 3} : Shape{3, 4});
    const Shape b_shape = bit(3) ? Shape{6, 4} : Shape{4, 6};
    const ValueId right = bit(4) ? b.random_constant(b_shape) : b.input("b", b_shape);
    b.output(b.node(gemm, {a, right, b.random_constant({3, 1})}));
    const Graph after = rewritten(b.done(), {fuse_matmul, fold_constants});
    EXPECT_EQ(testing::count_nodes<FusedMatMul>(after), 1u);
    EXPECT_EQ(the_op<FusedMatMul>(after).trans_b, bit(3) && !bit(4));
  }
}

// rewrite Add(Reshape(Gemm(Reshape(x), w, b)), r) -> FusedMatMul(x, w, b, r)
TEST(FuseMatmul, ReshapesAroundAGemmVanish) {
  GraphBuilder b;
  const ValueId rows = b.node(Reshape{}, {b.input("x", {3, 2, 4}), b.ints({6, 4})});
  const ValueId y = b.node(Gemm{}, {rows, b.random_constant({4, 5}), b.random_constant({5})});
  const ValueId back = b.node(Reshape{}, {y, b.ints({3, 2, 5})});
  b.output(b.node(kAdd, {b.input("r", {3, 2, 5}), back}));
  EXPECT_THAT(types_of(rewritten(b.done(), fuse_matmul)), ElementsAre("FusedMatMul"));
}

// rewrite Add(Reshape(MatMul(x, w)), b) -> FusedMatMul(Reshape(x), w, b)
TEST(FuseMatmul, ABiasAfterTheReshape) {
  GraphBuilder b;
  const ValueId y = b.node(MatMul{}, {b.input("x", {6, 4}), b.random_constant({4, 5})});
  const ValueId back = b.node(Reshape{}, {y, b.ints({2, 3, 5})});
  b.output(b.node(kAdd, {back, b.random_constant({5})}));
  EXPECT_THAT(types_of(rewritten(b.done(), fuse_matmul)), ElementsAre("Reshape", "FusedMatMul"));
}

TEST(FuseMatmul, ReshapesThatTheBiasOrColumnsDependOnStay) {
  GraphBuilder b;
  const ValueId w = b.random_constant({4, 6});
  const ValueId tall =
      b.node(kAdd, {b.node(MatMul{}, {b.input("x", {6, 4}), w}), b.random_constant({6, 1})});
  b.output(b.node(Reshape{}, {tall, b.ints({2, 3, 6})}));
  const ValueId cut = b.node(MatMul{}, {b.input("z", {6, 4}), w});
  b.output(b.node(Reshape{}, {cut, b.ints({6, 2, 3})}));
  EXPECT_THAT(types_of(rewritten(b.done(), fuse_matmul)),
              ElementsAre("FusedMatMul", "Reshape", "FusedMatMul", "Reshape"));
}

TEST(FuseMatmul, WhatSomethingElseReadsStaysOutside) {
  GraphBuilder b;
  const ValueId y = b.node(MatMul{}, {b.input("x", {3, 4}), b.random_constant({4, 6})});
  const ValueId biased = b.node(kAdd, {y, b.random_constant({6})});
  b.output(biased);
  b.output(b.node(kRelu, {biased}));
  EXPECT_THAT(types_of(rewritten(b.done(), fuse_matmul)), ElementsAre("FusedMatMul", "Relu"));
}

TEST(FuseMatmul, AWiderSummandStaysOutside) {
  GraphBuilder b;
  const ValueId y = b.node(MatMul{}, {b.input("x", {3, 4}), b.random_constant({4, 6})});
  b.output(b.node(kAdd, {y, b.random_constant({2, 3, 6})}));
  EXPECT_THAT(types_of(rewritten(b.done(), fuse_matmul)), ElementsAre("FusedMatMul", "Add"));
}

TEST(FuseMatmul, VectorsStay) {
  GraphBuilder b;
  b.output(b.node(MatMul{}, {b.input("x", {4}), b.random_constant({4, 6})}));
  testing::expect_unchanged(b.done(), fuse_matmul);
}

// Sums of integers wrap around, those of a FusedMatMul do not.
TEST(FuseMatmul, LeavesIntegersAlone) {
  GraphBuilder b;
  const ValueId x = b.input("x", {3, 4}, DataType::kInt32);
  b.output(b.node(MatMul{}, {x, b.constant(Tensor(DataType::kInt32, Shape{4, 2}))}));
  testing::expect_unchanged(b.done(), fuse_matmul);
}

}  // namespace
}  // namespace tendon
