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

constexpr int64_t kWidth = 8;

Attention attention() { return {.num_heads = 2, .scale = 0.5f, .sequence_first = true}; }

ValueId projection(GraphBuilder& b, ValueId x, const Shape& bias, bool trans_b = false) {
  const Shape weight = trans_b ? Shape{kWidth, 4} : Shape{4, kWidth};
  return b.node(FusedMatMul{.trans_b = trans_b},
                {x, b.random_constant(weight), b.random_constant(bias)});
}

// rewrite Attention(FusedMatMul(x), FusedMatMul(x), FusedMatMul(x)) -> Attention(FusedMatMul(x))
TEST(JoinProjections, SelfAttention) {
  GraphBuilder b;
  const ValueId x = b.input("x", {5, 1, 4});
  const ValueId q = projection(b, x, {5, 1, kWidth});
  const ValueId k = projection(b, x, {5, 1, kWidth}, true);
  const ValueId v = projection(b, x, {kWidth});
  b.output(b.node(attention(), {q, k, v}, "y"));
  const Graph after = rewritten(b.done(), join_projections);
  EXPECT_THAT(types_of(after), ElementsAre("FusedMatMul", "Attention"));
  EXPECT_EQ(after.shape(the<FusedMatMul>(after).outputs[0]), (Shape{5, 1, 3 * kWidth}));
  const Attention& op = the_op<Attention>(after);
  EXPECT_EQ((std::vector{op.width, op.q_column, op.k_column, op.v_column}),
            (std::vector{kWidth, int64_t{0}, kWidth, 2 * kWidth}));
}

// rewrite Attention(three QuantizedMatMul(x)) -> Attention(QuantizedMatMul(x))
TEST(JoinProjections, OfCodes) {
  GraphBuilder b;
  const ValueId x = b.input("x", {5, 1, 4}, DataType::kInt8);
  std::vector<ValueId> made;
  for (const bool trans_b : {false, true, false}) {
    Tensor weight(DataType::kInt8, trans_b ? Shape{kWidth, 4} : Shape{4, kWidth});
    int next = static_cast<int>(made.size());
    for (int8_t& code : weight.mutable_data<int8_t>()) {
      code = static_cast<int8_t>(next++ * 37 % 255 - 127);
    }
    const std::vector<float> scale(kWidth, 0.001f * static_cast<float>(made.size() + 1));
    made.push_back(
        b.node(QuantizedMatMul{.trans_b = trans_b},
               {x, b.constant(weight), b.constant(Tensor::from<float>({kWidth}, scale)),
                made.empty() ? b.random_constant({5, 1, kWidth}) : b.random_constant({kWidth})}));
  }
  b.output(b.node(attention(), made, "y"));
  const Graph after = rewritten(b.done(), join_projections);
  EXPECT_THAT(types_of(after), ElementsAre("QuantizedMatMul", "Attention"));
  const Node& joined = the<QuantizedMatMul>(after);
  EXPECT_EQ(after.type(joined.inputs[3]),
            (TensorType{DataType::kFloat32, Shape{5, 1, 3 * kWidth}}));
  EXPECT_FLOAT_EQ(after.value(joined.inputs[2]).constant->data<float>()[kWidth], 0.002f);
}

// rewrite Attention(q, FusedMatMul(x), FusedMatMul(x)) -> Attention(q, FusedMatMul(x))
TEST(JoinProjections, CrossAttention) {
  GraphBuilder b;
  const ValueId memory = b.input("memory", {5, 2, 4});
  const ValueId q = projection(b, b.input("x", {3, 2, 4}), {kWidth});
  const ValueId k = projection(b, memory, {kWidth});
  const ValueId v = projection(b, memory, {kWidth});
  b.output(b.node(attention(), {q, k, v}, "y"));
  const Graph after = rewritten(b.done(), join_projections);
  EXPECT_THAT(types_of(after), ElementsAre("FusedMatMul", "FusedMatMul", "Attention"));
  EXPECT_EQ(the_op<Attention>(after).v_column, kWidth);
}

// Softmax does not see what every key adds alike.
TEST(JoinProjections, LeavesTheKeysBiasOut) {
  GraphBuilder b;
  const ValueId x = b.input("x", {5, 1, 4});
  const ValueId w = b.random_constant({4, kWidth});
  const ValueId large = b.constant(Tensor::from<float>({kWidth}, std::vector<float>(kWidth, 9.0f)));
  const ValueId q = b.node(FusedMatMul{}, {x, w, large});
  const ValueId k = b.node(FusedMatMul{}, {x, b.random_constant({4, kWidth}), large});
  const ValueId v = b.node(FusedMatMul{}, {x, w});
  b.output(b.node(attention(), {q, k, v}, "y"));
  const Graph after = rewritten(b.done(), join_projections);
  const auto bias = after.value(the<FusedMatMul>(after).inputs[2]).constant->data<float>();
  EXPECT_EQ(bias[0], 9.0f);
  EXPECT_EQ(bias[kWidth], 0.0f);
  EXPECT_EQ(bias[2 * kWidth], 0.0f);
}

TEST(JoinProjections, WhatIsReadElsewhereOrComputedOtherwiseStays) {
  GraphBuilder b;
  const ValueId x = b.input("x", {5, 1, 4});
  const ValueId shown = projection(b, x, {kWidth});
  b.output(shown);
  const ValueId w = b.random_constant({4, kWidth});
  const ValueId activated = b.node(FusedMatMul{.activation = Activation::kRelu}, {x, w});
  const ValueId scaled = b.node(FusedMatMul{.alpha = 0.25f}, {x, w});
  b.output(b.node(attention(), {shown, activated, scaled}, "y"));
  const ValueId twice = projection(b, x, {kWidth});
  b.output(b.node(attention(), {twice, twice, projection(b, x, {kWidth})}, "z"));
  testing::expect_unchanged(b.done(), join_projections);
}

// An encoder layer as exporters write it: one product is left, and nothing of the positions.
TEST(JoinProjections, AnEncoderLayerWithPositions) {
  GraphBuilder b;
  const ValueId x = b.input("x", {5, 1, kWidth});
  const ValueId placed = b.node(kAdd, {x, b.random_constant({5, 1, kWidth})});
  const auto product = [&](ValueId from) {
    const ValueId y = b.node(MatMul{}, {from, b.random_constant({kWidth, kWidth})});
    return b.node(kAdd, {y, b.random_constant({kWidth})});
  };
  const ValueId q = product(placed);
  const ValueId k = product(placed);
  b.output(b.node(attention(), {q, k, product(x)}, "y"));
  const Graph after =
      rewritten(b.done(), {fuse_matmul, fold_summands, join_projections, fold_constants});
  EXPECT_THAT(types_of(after), ElementsAre("FusedMatMul", "Attention"));
}

}  // namespace
}  // namespace tendon
