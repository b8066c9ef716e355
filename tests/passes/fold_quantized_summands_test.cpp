#include "passes/passes.h"
#include "support/rewrites.h"

namespace tendon {
namespace {

using ::testing::ElementsAre;
using testing::GraphBuilder;
using testing::the;
using testing::types_of;

constexpr Binary kAdd{BinaryKind::kAdd};

ValueId quantize(GraphBuilder& b, ValueId x, float scale) {
  return b.node(QuantizeLinear{},
                {x, b.constant(Tensor::scalar(scale)), b.constant(Tensor::scalar(int8_t{0}))});
}

ValueId product(GraphBuilder& b, ValueId codes, float scale, bool trans_b) {
  Tensor weight(DataType::kInt8, trans_b ? Shape{6, 4} : Shape{4, 6});
  int next = 0;
  for (int8_t& code : weight.mutable_data<int8_t>()) {
    code = static_cast<int8_t>(next++ * 37 % 255 - 127);
  }
  std::vector<float> scales(6);
  for (size_t i = 0; i < scales.size(); ++i) scales[i] = scale * 1e-4F * static_cast<float>(i + 1);
  return b.node(QuantizedMatMul{.trans_b = trans_b},
                {codes, b.constant(weight), b.constant(Tensor::from<float>({6}, scales)),
                 b.random_constant({6})});
}

/// Codes are now of x, not of x + p: results differ by what rounding does.
void expect_close(const Graph& before, const Graph& after) {
  const TensorMap inputs = testing::random_inputs(before);
  EXPECT_LE(testing::max_abs_difference(testing::run_reference(before, inputs),
                                        testing::run_reference(after, inputs)),
            0.02)
      << text_from_graph(after);
}

// rewrite QuantizedMatMul(Q(Add(x, p)), w, s, b) -> QuantizedMatMul(Q'(x), w, s', b + p w)
TEST(FoldQuantizedSummands, PositionsBeforeProjections) {
  for (const bool trans_b : {false, true}) {
    for (const Shape& positions : {Shape{5, 1, 4}, Shape{1, 1, 4}}) {
      GraphBuilder b;
      const ValueId x = b.input("x", {5, 1, 4});
      const ValueId sum = b.node(kAdd, {b.random_constant(positions), x});
      b.output(product(b, quantize(b, sum, 0.06F), 0.06F, trans_b));
      b.output(product(b, quantize(b, x, 0.04F), 0.04F, trans_b));
      const Graph before = b.done();
      Graph after = before;
      ASSERT_TRUE(fold_quantized_summands(after));
      while (fold_constants(after) || remove_dead_code(after)) {
      }
      after.compact();
      EXPECT_THAT(types_of(after),
                  ElementsAre("QuantizeLinear", "QuantizedMatMul", "QuantizedMatMul"));
      for (const Node& node : after.nodes()) {
        if (!std::holds_alternative<QuantizedMatMul>(node.op)) continue;
        EXPECT_FLOAT_EQ(after.value(node.inputs[2]).constant->data<float>()[1], 0.04F * 2e-4F);
      }
      expect_close(before, after);
    }
  }
}

TEST(FoldQuantizedSummands, ANormsCodesServe) {
  GraphBuilder b;
  QuantizedLayerNormalization norm;
  norm.y_scale = 0.04F;
  const std::vector<ValueId> made =
      b.node(norm, {b.input("x", {5, 1, 4}), b.random_constant({4})}, 2, "norm");
  const ValueId sum = b.node(kAdd, {made[0], b.random_constant({5, 1, 4})});
  b.output(product(b, quantize(b, sum, 0.06F), 0.06F, false));
  const Graph before = b.done();
  Graph after = before;
  ASSERT_TRUE(fold_quantized_summands(after));
  while (fold_constants(after) || remove_dead_code(after)) {
  }
  after.compact();
  EXPECT_THAT(types_of(after), ElementsAre("QuantizedLayerNormalization", "QuantizedMatMul"));
  EXPECT_EQ(the<QuantizedMatMul>(after).inputs[0],
            the<QuantizedLayerNormalization>(after).outputs[1]);
  expect_close(before, after);
}

TEST(FoldQuantizedSummands, WithoutOtherCodesOfXTheSumStays) {
  GraphBuilder b;
  const ValueId sum = b.node(kAdd, {b.input("x", {5, 1, 4}), b.random_constant({5, 1, 4})});
  b.output(product(b, quantize(b, sum, 0.06F), 0.06F, false));
  testing::expect_unchanged(b.done(), fold_quantized_summands);
}

}  // namespace
}  // namespace tendon
