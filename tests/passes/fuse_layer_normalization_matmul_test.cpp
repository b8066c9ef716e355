#include "passes/passes.h"
#include "support/rewrites.h"

namespace tendon {
namespace {

using ::testing::ElementsAre;
using testing::GraphBuilder;

ValueId narrow_product(GraphBuilder& b, ValueId x, int64_t width = 8, int64_t columns = 3) {
  return b.node(FusedMatMul{},
                {x, b.random_constant({width, columns}), b.random_constant({columns})});
}
ValueId scaling_norm(GraphBuilder& b, ValueId x) {
  return b.node(LayerNormalization{.epsilon = 1e-2F},
                {x, b.random_constant({8}), b.random_constant({8})});
}
/// As fold-layer-normalization leaves it.
ValueId dividing_norm(GraphBuilder& b, ValueId x, int64_t width = 8) {
  const std::vector<float> ones(static_cast<size_t>(width), 1.0F);
  return b.node(LayerNormalization{.epsilon = 1e-3F},
                {x, b.constant(Tensor::from<float>({width}, ones))});
}

// rewrite FusedMatMul(LayerNormalization(LayerNormalization(x, s, t), 1), w, b) ->
// LayerNormalizationMatMul(x, w, b, s, t)
TEST(FuseLayerNormalizationMatmul, BothNorms) {
  GraphBuilder b;
  b.output(narrow_product(b, dividing_norm(b, scaling_norm(b, b.input("x", {3, 2, 8})))));
  const Graph after = testing::rewritten(b.done(), fuse_layer_normalization_matmul);
  EXPECT_THAT(testing::types_of(after), ElementsAre("LayerNormalizationMatMul"));
  const auto& op = testing::the_op<LayerNormalizationMatMul>(after);
  EXPECT_FLOAT_EQ(op.epsilon, 1e-3F);
  EXPECT_FLOAT_EQ(op.first_epsilon, 1e-2F);
  EXPECT_EQ(testing::the<LayerNormalizationMatMul>(after).inputs.size(), 5u);
}

// rewrite FusedMatMul(LayerNormalization(x, 1), w) -> LayerNormalizationMatMul(x, w)
TEST(FuseLayerNormalizationMatmul, OneNorm) {
  GraphBuilder b;
  const ValueId rows = b.node(Unary::of(UnaryKind::kTanh), {b.input("x", {3, 8})});
  b.output(b.node(FusedMatMul{}, {dividing_norm(b, rows), b.random_constant({8, 3})}));
  const Graph after = testing::rewritten(b.done(), fuse_layer_normalization_matmul);
  EXPECT_THAT(testing::types_of(after), ElementsAre("Tanh", "LayerNormalizationMatMul"));
  EXPECT_EQ(testing::the<LayerNormalizationMatMul>(after).inputs.size(), 2u);
}

// rewrite FusedMatMul(Reshape(LayerNormalization(x, 1)), w) ->
// LayerNormalizationMatMul(Reshape(x), w)
TEST(FuseLayerNormalizationMatmul, RowsInOtherGroups) {
  GraphBuilder b;
  const ValueId rows = dividing_norm(b, scaling_norm(b, b.input("x", {6, 1, 8})));
  b.output(narrow_product(b, b.node(Reshape{}, {rows, b.ints({1, 3, 2, 8})})));
  const Graph after = testing::rewritten(b.done(), fuse_layer_normalization_matmul);
  EXPECT_THAT(testing::types_of(after), ElementsAre("Reshape", "LayerNormalizationMatMul"));
}

// What else reads the first norm's result still finds it.
TEST(FuseLayerNormalizationMatmul, AFirstNormThatIsReadElsewhereStays) {
  GraphBuilder b;
  const ValueId first = scaling_norm(b, b.input("x", {3, 8}));
  b.output(narrow_product(b, dividing_norm(b, first)));
  b.output(b.node(Unary::of(UnaryKind::kTanh), {first}));
  const Graph after = testing::rewritten(b.done(), fuse_layer_normalization_matmul);
  EXPECT_EQ(testing::count_nodes<LayerNormalization>(after), 1u);
  EXPECT_EQ(testing::the<LayerNormalizationMatMul>(after).inputs.size(), 3u);
}

// rewrite FusedMatMul(LayerNormalization(x, s, t), w, b) -> LayerNormalizationMatMul(x, s w, b + t
// w)
TEST(FuseLayerNormalizationMatmul, TheScaleIsInTheMatrixAlready) {
  GraphBuilder b;
  b.output(narrow_product(b, scaling_norm(b, b.input("x", {3, 8}))));
  const Graph after =
      testing::rewritten(b.done(), {fold_layer_normalization, fuse_layer_normalization_matmul});
  EXPECT_THAT(testing::types_of(after), ElementsAre("LayerNormalizationMatMul"));
}

TEST(FuseLayerNormalizationMatmul, OtherProductsStay) {
  GraphBuilder b;
  const ValueId x = b.input("x", {3, 8});
  b.output(narrow_product(b, scaling_norm(b, x)));
  b.output(narrow_product(b, dividing_norm(b, x), 8, 65));
  b.output(narrow_product(b, dividing_norm(b, b.input("odd", {3, 6}), 6), 6));
  b.output(narrow_product(b, dividing_norm(b, b.input("long", {3, 1028}), 1028), 1028));
  b.output(narrow_product(b, dividing_norm(b, b.input("many", {2048, 8})), 8, 33));
  const ValueId shown = dividing_norm(b, x);
  b.output(shown);
  b.output(narrow_product(b, shown));
  const ValueId shared = dividing_norm(b, x);
  b.output(b.node(Unary::of(UnaryKind::kTanh), {shared}));
  b.output(narrow_product(b, shared));
  b.output(b.node(FusedMatMul{}, {dividing_norm(b, x), b.input("w", {8, 3})}));
  b.output(b.node(FusedMatMul{.activation = Activation::kRelu},
                  {dividing_norm(b, x), b.random_constant({8, 3})}));
  b.output(b.node(FusedMatMul{}, {dividing_norm(b, x), b.random_constant({8, 3}), kNone,
                                  b.input("residual", {3, 3})}));
  b.output(b.node(FusedMatMul{},
                  {dividing_norm(b, x), b.random_constant({8, 3}), b.random_constant({3, 3})}));
  b.output(narrow_product(b, b.node(Reshape{}, {dividing_norm(b, x), b.ints({6, 4})}), 4));
  const ValueId columns =
      b.node(LayerNormalization{.axis = 0},
             {x, b.constant(Tensor::from<float>({3, 8}, std::vector<float>(24, 1.0F)))});
  b.output(narrow_product(b, columns));
  testing::expect_unchanged(b.done(), fuse_layer_normalization_matmul);
}

}  // namespace
}  // namespace tendon
