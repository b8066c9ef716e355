#include "passes/passes.h"
#include "support/operators.h"
#include "support/rewrites.h"

namespace tendon {
namespace {

using testing::expect_exact;
using testing::expect_unchanged;
using testing::GraphBuilder;
using testing::rewritten;

constexpr int64_t kInner = 8;

/// Attention over x [T, B, 4] and the product behind it.
struct ValueBias {
  Shape bias{kInner};
  FusedMatMul values = {};
  FusedMatMul behind = {};
  /// Of the second product; rank 0 for none.
  Shape next_bias{6};
  bool residual = false;
  bool attention_shown = false;
  bool behind_view = false;
  bool columns_split = false;
  bool constant_weight = true;

  Graph graph() const {
    GraphBuilder b;
    const ValueId x = b.input("x", {5, 2, 4});
    const ValueId v =
        b.node(values, {x, b.random_constant({4, kInner}), b.random_constant(bias)}, "values");
    const Attention op{.num_heads = 2, .scale = 0.5F, .sequence_first = true};
    ValueId y = b.node(op, {b.input("q", {3, 2, kInner}), b.input("k", {5, 2, kInner}), v});
    if (attention_shown) b.output(y);
    if (behind_view) y = b.node(Reshape{}, {y, b.ints({6, kInner})});
    if (columns_split) {
      const ValueId swapped = b.node(Reshape{}, {y, b.ints({3, 2, 4, 2})});
      y = b.node(Reshape{},
                 {b.node(Transpose{.perm = {0, 1, 3, 2}}, {swapped}), b.ints({3, 2, kInner})});
    }
    const Shape weight = behind.trans_b ? Shape{6, kInner} : Shape{kInner, 6};
    std::vector<ValueId> inputs = {
        y, constant_weight ? b.random_constant(weight) : b.input("w", weight)};
    if (next_bias.rank() > 0) inputs.push_back(b.random_constant(next_bias));
    if (residual) {
      inputs.resize(3, kNone);
      inputs.push_back(b.input("r", behind_view ? Shape{6, 6} : Shape{3, 2, 6}));
    }
    b.output(b.node(behind, inputs, "behind"));
    return b.done();
  }
};

const Node& named(const Graph& graph, std::string_view name) {
  for (const Node& node : graph.nodes()) {
    if (node.alive && node.name == name) return node;
  }
  fail(ErrorKind::kInternal, "no node '{}' in\n{}", name, text_from_graph(graph));
}

// rewrite FusedMatMul(Attention(q, k, FusedMatMul(x, v, b)), w, c) ->
//         FusedMatMul(Attention(q, k, FusedMatMul(x, v)), w, c + b w)
TEST(FoldValueBias, BehindTheAttention) {
  const ValueBias cases[] = {
      {},
      {.bias = {1, 1, kInner}, .next_bias = {}},
      {.bias = {1}, .behind_view = true},
      {.behind = {.trans_b = true, .alpha = 0.5F, .activation = Activation::kRelu},
       .residual = true},
      {.values = {.alpha = 3}, .next_bias = {3, 1, 6}},
  };
  for (const ValueBias& one : cases) {
    expect_exact(one.graph(), fold_value_bias);
    const Graph after = rewritten(one.graph(), fold_value_bias);
    EXPECT_EQ(named(after, "values").inputs.size(), 2u);
    EXPECT_EQ(after.shape(named(after, "behind").inputs[2]).back(), 6);
  }
}

TEST(FoldValueBias, WhereItIsNoRowOrSomethingElseReadsIt) {
  expect_unchanged(ValueBias{.bias = {5, 1, kInner}}.graph(), fold_value_bias);
  expect_unchanged(ValueBias{.values = {.activation = Activation::kRelu}}.graph(), fold_value_bias);
  expect_unchanged(ValueBias{.attention_shown = true}.graph(), fold_value_bias);
  expect_unchanged(ValueBias{.columns_split = true}.graph(), fold_value_bias);
  expect_unchanged(ValueBias{.constant_weight = false}.graph(), fold_value_bias);
}

// The range of what an integer product reads was calibrated with the bias in it.
TEST(FoldValueBias, BeforeCodesItStays) {
  GraphBuilder b;
  const ValueId v = b.node(FusedMatMul{}, {b.input("x", {5, 2, 4}), b.random_constant({4, kInner}),
                                           b.random_constant({kInner})});
  const ValueId y = b.node(Attention{.sequence_first = true},
                           {b.input("q", {3, 2, kInner}), b.input("k", {5, 2, kInner}), v});
  const ValueId scale = b.constant(Tensor::scalar(0.1F));
  const ValueId codes = b.node(QuantizeLinear{}, {y, scale});
  const ValueId again = b.node(DequantizeLinear{}, {codes, scale});
  b.output(b.node(FusedMatMul{}, {again, b.random_constant({kInner, 6})}));
  expect_unchanged(b.done(), fold_value_bias);
}

}  // namespace
}  // namespace tendon
