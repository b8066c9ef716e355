#include "passes/passes.h"
#include "support/operators.h"
#include "support/rewrites.h"

namespace tendon {
namespace {

using ::testing::Each;
using testing::expect_exact;
using testing::expect_unchanged;
using testing::GraphBuilder;
using testing::rewritten;
using testing::the;

/// LayerNormalization of x [3, 2, 4], scaled and, if wished for, shifted.
ValueId normalized(GraphBuilder& b, bool shifted = true) {
  std::vector<ValueId> inputs = {b.input("x", {3, 2, 4}), b.random_constant({4})};
  if (shifted) inputs.push_back(b.random_constant({4}));
  return b.node(LayerNormalization{}, inputs, "norm");
}

// rewrite FusedMatMul(LayerNormalization(x, g, b), w, c) ->
//         FusedMatMul(LayerNormalization(x, 1), g w, c + b w)
TEST(FoldLayerNormalization, IntoAllProductsThatReadIt) {
  for (const bool shifted : {true, false}) {
    GraphBuilder b;
    const ValueId rows = normalized(b, shifted);
    const FusedMatMul turned{.trans_b = true, .alpha = 0.5F, .activation = Activation::kRelu};
    b.output(b.node(turned, {rows, b.random_constant({6, 4}), kNone, b.input("r", {3, 2, 6})}));
    const ValueId transposed = b.node(Transpose{.perm = {1, 0, 2}}, {rows});
    const ValueId view = b.node(Reshape{}, {transposed, b.ints({6, 4})});
    b.output(b.node(FusedMatMul{}, {view, b.random_constant({4, 5}), b.random_constant({6, 5})}));
    const Graph before = b.done();
    expect_exact(before, fold_layer_normalization);
    const Graph after = rewritten(before, fold_layer_normalization);
    const Node& norm = the<LayerNormalization>(after);
    EXPECT_EQ(norm.inputs.size(), 2u);
    EXPECT_THAT(after.value(norm.inputs[1]).constant->data<float>(), Each(1.0F));
    EXPECT_EQ(norm.name, "norm.unscaled");
  }
}

TEST(FoldLayerNormalization, WhatSomethingElseReadsStays) {
  {
    GraphBuilder b;
    const ValueId rows = normalized(b);
    b.output(b.node(FusedMatMul{}, {rows, b.random_constant({4, 4}), kNone, rows}));
    expect_unchanged(b.done(), fold_layer_normalization);
  }
  {
    GraphBuilder b;
    const ValueId rows = normalized(b);
    b.output(b.node(FusedMatMul{}, {rows, b.random_constant({4, 4})}));
    b.output(b.node(kRelu, {rows}));
    expect_unchanged(b.done(), fold_layer_normalization);
  }
  {
    GraphBuilder b;
    const ValueId rows = normalized(b);
    b.output(rows);
    b.output(b.node(FusedMatMul{}, {rows, b.random_constant({4, 4})}));
    expect_unchanged(b.done(), fold_layer_normalization);
  }
}

// Rows that a Reshape cuts meet other weights; weights that two products read would be doubled.
TEST(FoldLayerNormalization, OtherRowsOrSharedWeightsStay) {
  {
    GraphBuilder b;
    const ValueId cut = b.node(Reshape{}, {normalized(b), b.ints({12, 2})});
    b.output(b.node(FusedMatMul{}, {cut, b.random_constant({2, 4})}));
    expect_unchanged(b.done(), fold_layer_normalization);
  }
  {
    GraphBuilder b;
    const ValueId weight = b.random_constant({4, 4});
    b.output(b.node(FusedMatMul{}, {normalized(b), weight}));
    b.output(b.node(FusedMatMul{}, {b.input("z", {3, 4}), weight}));
    expect_unchanged(b.done(), fold_layer_normalization);
  }
}

TEST(FoldLayerNormalization, OverMoreAxesOrWithoutScaleItStays) {
  {
    GraphBuilder b;
    const ValueId rows =
        b.node(LayerNormalization{.axis = 1}, {b.input("x", {3, 2, 4}), b.random_constant({2, 4})});
    b.output(b.node(FusedMatMul{}, {rows, b.random_constant({4, 4})}));
    expect_unchanged(b.done(), fold_layer_normalization);
  }
  {
    GraphBuilder b;
    const ValueId ones = b.constant(Tensor::from<float>({4}, std::vector<float>(4, 1.0F)));
    const ValueId rows = b.node(LayerNormalization{}, {b.input("x", {3, 2, 4}), ones});
    b.output(b.node(FusedMatMul{}, {rows, b.random_constant({4, 4})}));
    expect_unchanged(b.done(), fold_layer_normalization);
  }
}

// Codes are made by the range that the scaled rows had.
TEST(FoldLayerNormalization, BeforeCodesItStays) {
  GraphBuilder b;
  const ValueId scale = b.constant(Tensor::scalar(0.1F));
  const ValueId codes = b.node(QuantizeLinear{}, {normalized(b), scale});
  const ValueId again = b.node(DequantizeLinear{}, {codes, scale});
  b.output(b.node(FusedMatMul{}, {again, b.random_constant({4, 4})}));
  expect_unchanged(b.done(), fold_layer_normalization);
}

}  // namespace
}  // namespace tendon
