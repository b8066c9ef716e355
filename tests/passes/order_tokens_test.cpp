#include "passes/passes.h"
#include "support/operators.h"
#include "support/rewrites.h"

namespace tendon {
namespace {

using testing::expect_exact;
using testing::expect_unchanged;
using testing::GraphBuilder;
using testing::rewritten;
using testing::types_of;

constexpr int64_t kTokenWidth = 8;

std::vector<int64_t> dims_of(const Shape& shape) { return {shape.begin(), shape.end()}; }

/// An encoder's layer on the tokens of two cameras' features and one more token, and attention to
/// them by queries of their own.
struct Tokens {
  bool sequence_first = true;
  /// What of the tokens is shown as an output.
  bool tokens_shown = false;
  bool summed_over_rows = false;
  /// Keys and values come in different orders.
  bool other_values = false;
  bool scale_by_row = false;
  bool last_token_first = false;
  bool normalized_over_rows = false;

  Shape tokens(int64_t count) const {
    return sequence_first ? Shape{count, 1, kTokenWidth} : Shape{1, count, kTokenWidth};
  }
  ValueId product(GraphBuilder& b, ValueId x, int64_t columns) const {
    return b.node(FusedMatMul{}, {x, b.random_constant({kTokenWidth, columns}),
                                  b.random_constant(Shape{columns})});
  }

  Graph graph() const {
    GraphBuilder b;
    const ValueId features = b.input("features", {2, 3, 5, kTokenWidth});
    const ValueId turned = b.node(Transpose{.perm = {1, 0, 2, 3}}, {features});
    const ValueId rows = b.node(Reshape{}, {turned, b.ints(dims_of(tokens(30)))});
    const ValueId latent = b.input("latent", tokens(1));
    const int axis = sequence_first ? 0 : 1;
    const ValueId x =
        b.node(Concat{.axis = axis - 3}, last_token_first ? std::vector<ValueId>{rows, latent}
                                                          : std::vector<ValueId>{latent, rows});
    if (tokens_shown) b.output(x);
    const ValueId placed = b.node(Binary{BinaryKind::kAdd}, {x, b.random_constant(tokens(31))});
    const Attention attention{.num_heads = 2, .sequence_first = sequence_first};
    ValueId y = b.node(attention, {product(b, placed, kTokenWidth), product(b, placed, kTokenWidth),
                                   product(b, x, kTokenWidth)});
    y = b.node(FusedMatMul{}, {y, b.random_constant({kTokenWidth, kTokenWidth}), kNone, x});
    y = b.node(LayerNormalization{.axis = normalized_over_rows ? axis : -1},
               {y, b.random_constant(normalized_over_rows && sequence_first ? tokens(31)
                                                                            : Shape{kTokenWidth})});
    if (scale_by_row) {
      const ValueId scales = b.random_constant({31});
      y = b.node(DequantizeLinear{.axis = axis},
                 {b.node(Cast{.to = DataType::kInt8}, {y}), scales});
    }
    if (summed_over_rows) y = b.node(Unary{UnaryKind::kRelu}, {b.node(Softmax{.axis = axis}, {y})});
    const ValueId other = other_values ? b.input("values", tokens(31)) : y;
    b.output(b.node(attention, {b.input("queries", tokens(4)), product(b, y, kTokenWidth),
                                product(b, other, kTokenWidth)}));
    return b.done();
  }
};

// rewrite Transpose -> tokens -> an encoder -> attention's keys and values   ->   no Transpose, and
//         positions in the tokens' order
TEST(OrderTokens, StayAsTheyAreMade) {
  for (const Tokens& one :
       {Tokens{}, Tokens{.sequence_first = false}, Tokens{.last_token_first = true}}) {
    expect_exact(one.graph(), order_tokens);
    const Graph after = rewritten(one.graph(), order_tokens);
    EXPECT_THAT(types_of(after), ::testing::Not(::testing::Contains("Transpose")));
  }
}

TEST(OrderTokens, WhereSomethingTellsTheirOrderTheyAreLeftAlone) {
  expect_unchanged(Tokens{.tokens_shown = true}.graph(), order_tokens);
  expect_unchanged(Tokens{.summed_over_rows = true}.graph(), order_tokens);
  expect_unchanged(Tokens{.other_values = true}.graph(), order_tokens);
  expect_unchanged(Tokens{.scale_by_row = true}.graph(), order_tokens);
  expect_unchanged(Tokens{.normalized_over_rows = true}.graph(), order_tokens);
}

TEST(OrderTokens, ColumnsAreNotRows) {
  GraphBuilder b;
  const ValueId planes = b.input("planes", {kTokenWidth, 2, 3});
  const ValueId rows = b.node(
      Reshape{}, {b.node(Transpose{.perm = {1, 2, 0}}, {planes}), b.ints({6, 1, kTokenWidth})});
  const Attention attention{.num_heads = 2, .sequence_first = true};
  b.output(b.node(attention, {b.input("queries", {4, 1, kTokenWidth}), rows, rows}));
  expect_unchanged(b.done(), order_tokens);
}

TEST(OrderTokens, CodesAndWhatElseWorksOnRowsAlone) {
  GraphBuilder b;
  const ValueId features = b.input("features", {2, 3, 5, kTokenWidth});
  ValueId x = b.node(
      Reshape{}, {b.node(Transpose{.perm = {1, 2, 0, 3}}, {features}), b.ints({30, kTokenWidth})});
  const ValueId scale = b.constant(Tensor::scalar(0.05F));
  x = b.node(DequantizeLinear{}, {b.node(QuantizeLinear{}, {x, scale}), scale});
  x = b.node(AddLayerNormalization{},
             {x, b.node(Unary{UnaryKind::kRelu}, {x}), b.random_constant({kTokenWidth})});
  x = b.node(Reshape{}, {x, b.ints({1, 30, kTokenWidth})});
  b.output(b.node(Attention{}, {b.input("queries", {1, 4, kTokenWidth}), x, x}));
  const Graph after = rewritten(b.done(), order_tokens);
  EXPECT_THAT(types_of(after), ::testing::Not(::testing::Contains("Transpose")));
}

}  // namespace
}  // namespace tendon
