#include "passes/passes.h"
#include "support/operators.h"
#include "support/rewrites.h"

namespace tendon {
namespace {

using testing::expect_exact;
using testing::expect_unchanged;
using testing::GraphBuilder;
using testing::rewritten;
using testing::the;

constexpr int64_t kWidth = 8;

/// Attention over queries that a product makes of x [3, 2, 4].
struct ScaledQueries {
  FusedMatMul product = {};
  float scale = 0.35F;
  Shape bias{kWidth};  ///< rank 0 for none
  bool constant_residual = false;
  bool computed_residual = false;
  bool constant_weight = true;
  bool behind_view = false;
  bool shown = false;
  bool weight_shared = false;
  bool makes_keys_too = false;

  Graph graph() const {
    GraphBuilder b;
    const ValueId x = b.input("x", {3, 2, 4});
    const Shape shape = product.trans_b ? Shape{kWidth, 4} : Shape{4, kWidth};
    const ValueId weight = constant_weight ? b.random_constant(shape) : b.input("w", shape);
    std::vector<ValueId> inputs = {x, weight, bias.rank() > 0 ? b.random_constant(bias) : kNone};
    const Shape rows{3, 2, kWidth};
    if (constant_residual) inputs.push_back(b.random_constant(rows));
    if (computed_residual) inputs.push_back(b.input("residual", rows));
    while (inputs.back() == kNone) inputs.pop_back();
    ValueId q = b.node(product, inputs, "queries");
    if (shown) b.output(q);
    if (weight_shared) b.output(b.node(product, {x, weight}, "other"));
    if (behind_view) {
      q = b.node(Reshape{}, {b.node(Reshape{}, {q, b.ints({6, kWidth})}), b.ints({3, 2, kWidth})});
    }
    const ValueId k = makes_keys_too ? q : b.input("k", {5, 2, kWidth});
    const ValueId v = b.input("v", makes_keys_too ? rows : Shape{5, 2, kWidth});
    const Attention op{.num_heads = 2, .scale = scale, .sequence_first = true};
    b.output(b.node(op, {q, k, v}, "attention"));
    return b.done();
  }
};

// rewrite Attention(s)(FusedMatMul(x, w, b), k, v) -> Attention(1)(FusedMatMul(x, s w, s b), k, v)
TEST(FoldAttentionScale, IntoWeightsBiasAndPositions) {
  for (const ScaledQueries& queries :
       {ScaledQueries{}, ScaledQueries{.product = {.trans_b = true}},
        ScaledQueries{.product = {.alpha = 0.7F}}, ScaledQueries{.scale = -0.35F},
        ScaledQueries{.bias = {}}, ScaledQueries{.bias = {3, 1, kWidth}},
        ScaledQueries{.constant_residual = true}, ScaledQueries{.behind_view = true}}) {
    const Graph before = queries.graph();
    expect_exact(before, fold_attention_scale);
    const Graph after = rewritten(before, fold_attention_scale);
    EXPECT_EQ(std::get<Attention>(the<Attention>(after).op).scale, 1);
    const Node& product = the<FusedMatMul>(after);
    EXPECT_EQ(product.name, "queries");
    EXPECT_EQ(std::get<FusedMatMul>(product.op), queries.product);
    EXPECT_THAT(after.value(product.outputs[0]).name, ::testing::EndsWith(".scaled"))
        << "a range of the value before would be another one's";
  }
}

TEST(FoldAttentionScale, IntoTheScalesOfAnIntegerProduct) {
  GraphBuilder b;
  const ValueId codes = b.input("codes", {3, 2, 4}, DataType::kInt8);
  Tensor weight(DataType::kInt8, Shape{4, kWidth});
  int next = 0;
  for (int8_t& code : weight.mutable_data<int8_t>()) code = static_cast<int8_t>(next++ * 7 - 90);
  const ValueId scale =
      b.constant(Tensor::from<float>({kWidth}, std::vector<float>(kWidth, 0.01F)));
  const ValueId q = b.node(QuantizedMatMul{},
                           {codes, b.constant(weight), scale, b.random_constant({kWidth})}, "q");
  const Attention op{.num_heads = 2, .scale = 0.5F, .sequence_first = true};
  b.output(b.node(op, {q, b.input("k", {5, 2, kWidth}), b.input("v", {5, 2, kWidth})}, "y"));
  const Graph after = rewritten(b.done(), fold_attention_scale);
  EXPECT_EQ(*after.value(the<QuantizedMatMul>(after).inputs[1]).constant, weight);
  EXPECT_EQ(std::get<Attention>(the<Attention>(after).op).scale, 1);
}

TEST(FoldAttentionScale, WhereSomethingElseReadsOrComputesItItStays) {
  for (const ScaledQueries& queries :
       {ScaledQueries{.scale = 1}, ScaledQueries{.product = {.activation = Activation::kRelu}},
        ScaledQueries{.computed_residual = true}, ScaledQueries{.constant_weight = false},
        ScaledQueries{.shown = true}, ScaledQueries{.weight_shared = true},
        ScaledQueries{.makes_keys_too = true}}) {
    expect_unchanged(queries.graph(), fold_attention_scale);
  }
}

// Codes have one scale that the attention's floats are made by.
TEST(FoldAttentionScale, QueriesThatWereCodesKeepIt) {
  GraphBuilder b;
  const ValueId x = b.input("x", {3, 2, 4});
  const ValueId product = b.node(FusedMatMul{}, {x, b.random_constant({4, kWidth})}, "queries");
  const ValueId scale = b.constant(Tensor::scalar(0.02F));
  const ValueId codes =
      b.node(QuantizeLinear{}, {product, scale, b.constant(Tensor::scalar(int8_t{0}))});
  const ValueId q = b.node(DequantizeLinear{}, {codes, scale});
  const Attention op{.num_heads = 2, .scale = 0.5F, .sequence_first = true};
  b.output(b.node(op, {q, b.input("k", {5, 2, kWidth}), b.input("v", {5, 2, kWidth})}, "y"));
  expect_unchanged(b.done(), fold_attention_scale);
}

}  // namespace
}  // namespace tendon
