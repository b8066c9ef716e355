#include "passes/passes.h"
#include "support/rewrites.h"

namespace tendon {
namespace {

using ::testing::ElementsAre;
using testing::GraphBuilder;

ValueId product(GraphBuilder& b, ValueId x, Activation activation = Activation::kNone) {
  return b.node(FusedMatMul{.alpha = 0.5f, .activation = activation},
                {x, b.random_constant({8, 8}), b.random_constant({8}), x});
}
ValueId norm(GraphBuilder& b, ValueId x) {
  return b.node(LayerNormalization{.epsilon = 1e-3f},
                {x, b.random_constant({8}), b.random_constant({8})});
}

// rewrite LayerNormalization(FusedMatMul(x, w, b, r), s, t) -> NormalizedMatMul(x, w, b, r, s, t)
TEST(FuseNormalizedMatmul, TheNormBetweenTwoProducts) {
  GraphBuilder b;
  b.output(product(b, norm(b, product(b, b.input("x", {3, 2, 8})))));
  const Graph after = testing::rewritten(b.done(), fuse_normalized_matmul);
  EXPECT_THAT(testing::types_of(after), ElementsAre("NormalizedMatMul", "FusedMatMul"));
}

ValueId int8_product(GraphBuilder& b, ValueId codes, ValueId residual = kNone) {
  Tensor weight(DataType::kInt8, Shape{8, 8});
  int next = 0;
  for (int8_t& code : weight.mutable_data<int8_t>()) {
    code = static_cast<int8_t>(next++ * 37 % 255 - 127);
  }
  return b.node(QuantizedMatMul{},
                {codes, b.constant(weight),
                 b.constant(Tensor::from<float>({8}, std::vector<float>(8, 1e-4f))),
                 b.random_constant({8}), residual});
}

// rewrite QuantizedLayerNormalization(QuantizedMatMul(c, w, s, b, r), t) ->
// QuantizedNormalizedMatMul(c, w, s, b, r, t) that writes codes, FusedMatMul alike
TEST(FuseNormalizedMatmul, NormsThatWriteCodes) {
  GraphBuilder b;
  QuantizedLayerNormalization op;
  op.epsilon = 1e-3f;
  op.y_scale = 0.02f;
  const ValueId x = b.input("x", {3, 8});
  const ValueId first = product(b, x);
  const std::vector<ValueId> between = b.node(op, {first, b.random_constant({8})}, 2, "between");
  const ValueId second = int8_product(b, between[1], between[0]);
  const std::vector<ValueId> last =
      b.node(op, {second, b.random_constant({8}), b.random_constant({8})}, 2, "last");
  b.output(int8_product(b, last[1], last[0]));
  const Graph after = testing::rewritten(b.done(), fuse_normalized_matmul);
  EXPECT_THAT(testing::types_of(after),
              ElementsAre("NormalizedMatMul", "QuantizedNormalizedMatMul", "QuantizedMatMul"));
  EXPECT_FLOAT_EQ(testing::the_op<NormalizedMatMul>(after).codes_scale, 0.02f);
  EXPECT_EQ(testing::the_op<QuantizedNormalizedMatMul>(after).codes_dtype, DataType::kInt8);
}

// rewrite LayerNormalization(QuantizedMatMul(c)) -> QuantizedNormalizedMatMul(c)
TEST(FuseNormalizedMatmul, ANormBehindCodes) {
  GraphBuilder b;
  const ValueId codes = b.input("codes", {3, 8}, DataType::kInt8);
  b.output(product(b, norm(b, int8_product(b, codes))));
  const Graph after = testing::rewritten(b.done(), fuse_normalized_matmul);
  EXPECT_THAT(testing::types_of(after), ElementsAre("QuantizedNormalizedMatMul", "FusedMatMul"));
}

TEST(FuseNormalizedMatmul, OtherNormsStay) {
  GraphBuilder b;
  const ValueId x = b.input("x", {3, 8});
  b.output(norm(b, product(b, x)));
  b.output(product(b, norm(b, product(b, x, Activation::kRelu))));
  const ValueId shown = product(b, x);
  b.output(shown);
  b.output(product(b, norm(b, shown)));
  const ValueId variable = b.node(FusedMatMul{}, {x, b.input("w", {8, 8})});
  b.output(product(b, norm(b, variable)));
  testing::expect_unchanged(b.done(), fuse_normalized_matmul);
}

}  // namespace
}  // namespace tendon
