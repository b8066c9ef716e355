#include "passes/passes.h"
#include "support/operators.h"
#include "support/rewrites.h"

namespace tendon {
namespace {

using ::testing::ElementsAre;
using testing::GraphBuilder;
using testing::rewritten;
using testing::the;
using testing::types_of;

// rewrite FusedMatMul(Add(x, p), w, b) -> FusedMatMul(x, w, b + p w)
TEST(FoldSummands, PositionsBeforeProjections) {
  for (const bool trans_b : {false, true}) {
    GraphBuilder b;
    const ValueId x = b.input("x", {5, 1, 4});
    const ValueId sum = b.node(kAdd, {b.random_constant({5, 1, 4}), x});
    const Shape weight = trans_b ? Shape{6, 4} : Shape{4, 6};
    const FusedMatMul op{.trans_b = trans_b, .alpha = 0.5f, .activation = Activation::kRelu};
    b.output(b.node(op, {sum, b.random_constant(weight), b.random_constant({6})}, "q"));
    b.output(b.node(op, {sum, b.random_constant(weight), kNone, b.input("r", {5, 1, 6})}, "k"));
    const Graph after = rewritten(b.done(), {fold_summands, fold_constants});
    EXPECT_THAT(types_of(after), ElementsAre("FusedMatMul", "FusedMatMul"));
    for (const Node& node : after.nodes()) {
      EXPECT_EQ(after.shape(node.inputs[2]), (Shape{5, 1, 6}));
    }
  }
}

TEST(FoldSummands, ARowStaysARow) {
  GraphBuilder b;
  const ValueId sum = b.node(kAdd, {b.input("x", {3, 2, 4}), b.random_constant({1, 1, 4})});
  b.output(b.node(FusedMatMul{}, {sum, b.random_constant({4, 6})}, "y"));
  const Graph after = rewritten(b.done(), {fold_summands, fold_constants});
  EXPECT_THAT(types_of(after), ElementsAre("FusedMatMul"));
  EXPECT_EQ(after.shape(the<FusedMatMul>(after).inputs[2]), Shape{6});
}

// A row's summand meets a bias that has more rows.
TEST(FoldSummands, ARowBesideABiasOfEveryElement) {
  GraphBuilder b;
  const ValueId sum = b.node(kAdd, {b.input("x", {3, 4}), b.random_constant({4})});
  b.output(b.node(FusedMatMul{}, {sum, b.random_constant({4, 6}), b.random_constant({3, 6})}, "y"));
  const Graph after = rewritten(b.done(), {fold_summands, fold_constants});
  EXPECT_THAT(types_of(after), ElementsAre("FusedMatMul"));
}

TEST(FoldSummands, SumsThatSomethingElseReadsStay) {
  GraphBuilder b;
  const ValueId w = b.random_constant({4, 4});
  const ValueId shown = b.node(kAdd, {b.input("x", {3, 4}), b.random_constant({3, 4})});
  b.output(shown);
  b.output(b.node(FusedMatMul{}, {shown, w}));
  const ValueId residual = b.node(kAdd, {b.input("z", {3, 4}), b.random_constant({3, 4})});
  b.output(b.node(FusedMatMul{}, {residual, w, kNone, residual}));
  const ValueId right = b.node(kAdd, {b.input("s", {4, 4}), b.random_constant({4, 4})});
  b.output(b.node(FusedMatMul{}, {w, right}));
  testing::expect_unchanged(b.done(), fold_summands);
}

// Kernels add a bias to each row or each element, not to each batch entry.
TEST(FoldSummands, SummandsThatRepeatOverABatchStay) {
  GraphBuilder b;
  const ValueId sum = b.node(kAdd, {b.input("x", {3, 2, 4}), b.random_constant({3, 1, 4})});
  b.output(b.node(FusedMatMul{}, {sum, b.random_constant({4, 6})}));
  testing::expect_unchanged(b.done(), fold_summands);
}

}  // namespace
}  // namespace tendon
