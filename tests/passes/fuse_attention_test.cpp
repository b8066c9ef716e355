#include "passes/passes.h"
#include "support/rewrites.h"

namespace tendon {
namespace {

using testing::GraphBuilder;
using testing::rewritten;

constexpr int64_t kWidth = 4;

enum class Scale { kQueryDivided, kQueryMultiplied, kBoth, kLogits, kNone };

struct Form {
  const char* name;
  int64_t batch = 1;
  int64_t heads = 2;
  /// Projections are [T, B, heads * width] and heads are [B * heads, T, width], as
  /// nn.MultiheadAttention writes them; else [B, T, heads * width] and [B, heads, T, width].
  bool sequence_first = true;
  Scale scale = Scale::kQueryDivided;
  /// Softmax over another axis, a mask added, the weights read elsewhere.
  int64_t softmax_axis = -1;
  bool masked = false;
  bool weights_read = false;
};

ValueId scaled(GraphBuilder& b, ValueId x, BinaryKind kind, float factor) {
  return b.node(Binary{kind}, {x, b.constant(Tensor::scalar(factor))});
}

/// A linear layer and the split into heads; `perm` orders [T, B * heads, width] or
/// [B, T, heads, width].
ValueId heads(GraphBuilder& b, const Form& form, ValueId x, int64_t tokens,
              std::vector<int64_t> perm) {
  const int64_t model = form.heads * kWidth;
  const ValueId y = b.node(MatMul{}, {x, b.random_constant({model, model})});
  const auto shape = form.sequence_first
                         ? std::vector<int64_t>{tokens, form.batch * form.heads, kWidth}
                         : std::vector<int64_t>{form.batch, tokens, form.heads, kWidth};
  const ValueId split = b.node(Reshape{}, {y, b.ints(shape)});
  return b.node(Transpose{.perm = std::move(perm)}, {split});
}

Graph attention(const Form& form) {
  GraphBuilder b;
  const int64_t model = form.heads * kWidth;
  const auto input = [&](const char* name, int64_t tokens) {
    return b.input(name, form.sequence_first ? Shape{tokens, form.batch, model}
                                             : Shape{form.batch, tokens, model});
  };
  const ValueId from = input("from", 3);
  const ValueId memory = input("memory", 5);
  const std::vector<int64_t> plain =
      form.sequence_first ? std::vector<int64_t>{1, 0, 2} : std::vector<int64_t>{0, 2, 1, 3};
  const std::vector<int64_t> swapped =
      form.sequence_first ? std::vector<int64_t>{1, 2, 0} : std::vector<int64_t>{0, 2, 3, 1};
  ValueId q = heads(b, form, from, 3, plain);
  ValueId k = heads(b, form, memory, 5, swapped);
  const ValueId v = heads(b, form, memory, 5, plain);
  if (form.scale == Scale::kQueryDivided) q = scaled(b, q, BinaryKind::kDiv, 2.0f);
  if (form.scale == Scale::kQueryMultiplied) q = scaled(b, q, BinaryKind::kMul, 0.5f);
  if (form.scale == Scale::kBoth) {
    q = scaled(b, q, BinaryKind::kMul, 0.70710678f);
    k = scaled(b, k, BinaryKind::kMul, 0.70710678f);
  }
  ValueId logits = b.node(MatMul{}, {q, k});
  if (form.scale == Scale::kLogits) logits = scaled(b, logits, BinaryKind::kDiv, 2.0f);
  if (form.masked) logits = b.node(Binary{BinaryKind::kAdd}, {logits, b.random_constant({3, 5})});
  const ValueId weights = b.node(Softmax{.axis = form.softmax_axis}, {logits});
  ValueId y = b.node(MatMul{}, {weights, v});
  y = b.node(Transpose{.perm = form.sequence_first ? std::vector<int64_t>{1, 0, 2}
                                                   : std::vector<int64_t>{0, 2, 1, 3}},
             {y});
  const auto rows = form.sequence_first ? std::vector<int64_t>{3 * form.batch, model}
                                        : std::vector<int64_t>{form.batch, 3, model};
  y = b.node(Reshape{}, {y, b.ints(rows)});
  b.output(b.node(MatMul{}, {y, b.random_constant({model, model})}));
  if (form.weights_read) b.output(weights);
  return b.done();
}

const Form kForms[] = {
    {"sequence first, q / 2"},
    {"sequence first, batch 3", 3},
    {"sequence first, one head", 1, 1},
    {"q * 0.5", 1, 2, true, Scale::kQueryMultiplied},
    {"both * sqrt(0.5)", 1, 2, true, Scale::kBoth},
    {"logits / 2", 1, 2, true, Scale::kLogits},
    {"batch first", 1, 2, false},
    {"batch first, batch 3, both", 3, 2, false, Scale::kBoth},
    {"batch first, logits", 2, 4, false, Scale::kLogits},
    {"unscaled", 1, 2, true, Scale::kNone},
};

// rewrite MatMul(Softmax(MatMul(heads(q) / 2, heads(k))), heads(v)) -> heads(Attention(q, k, v))
TEST(FuseAttention, AllScalePlacesAndLayouts) {
  for (const Form& form : kForms) {
    SCOPED_TRACE(form.name);
    const Graph after = rewritten(attention(form), {fuse_attention, merge_views, remove_dead_code});
    const Attention& op = testing::the_op<Attention>(after);
    EXPECT_EQ(op.num_heads, form.heads);
    EXPECT_FLOAT_EQ(op.scale, form.scale == Scale::kNone ? 1.0f : 0.5f);
    EXPECT_EQ(testing::count_nodes<MatMul>(after), 4u);
    EXPECT_EQ(testing::count_nodes<Transpose>(after), 0u);
    EXPECT_EQ(testing::count_nodes<Softmax>(after), 0u);
  }
}

/// x [1, 5, 8] or [5, 1, 8], as rows into three products, with heads as nn.MultiheadAttention
/// splits them; x + c and x are rows, and so is what is read again.
Graph attention_of_rows(bool batch_first, bool quantized) {
  GraphBuilder b;
  const Shape shape = batch_first ? Shape{1, 5, 8} : Shape{5, 1, 8};
  const ValueId x = b.input("x", shape);
  const auto projection = [&](std::vector<int64_t> perm) {
    const ValueId placed = b.node(Binary{BinaryKind::kAdd}, {x, b.random_constant(shape)});
    ValueId rows = b.node(Reshape{}, {placed, b.ints({5, 8})});
    if (quantized) {
      const ValueId scale = b.constant(Tensor::scalar(0.05F));
      rows = b.node(DequantizeLinear{}, {b.node(QuantizeLinear{}, {rows, scale}), scale});
    }
    const ValueId y = b.node(Gemm{}, {rows, b.random_constant({8, 8}), b.random_constant({8})});
    const ValueId split = b.node(Reshape{}, {y, b.ints({5, 2, 4})});
    return b.node(Transpose{.perm = std::move(perm)}, {split});
  };
  const ValueId logits = b.node(MatMul{}, {projection({1, 0, 2}), projection({1, 2, 0})});
  const ValueId y = b.node(MatMul{}, {b.node(Softmax{}, {logits}), projection({1, 0, 2})});
  const ValueId heads = b.node(Transpose{.perm = {1, 0, 2}}, {y});
  b.output(b.node(Reshape{}, {heads, b.ints({5, 8})}));
  return b.done();
}

// Where a batch of one leaves both layouts open, that of the rows before the projections needs no
// Reshape, and passes behind see sums and products side by side.
TEST(FuseAttention, ALayoutThatIsOpenFollowsTheRows) {
  for (const bool batch_first : {true, false}) {
    for (const bool quantized : {true, false}) {
      const Graph after =
          rewritten(attention_of_rows(batch_first, quantized),
                    {fuse_attention, merge_views, fuse_matmul, push_quantizers, remove_dead_code});
      EXPECT_EQ(testing::the_op<Attention>(after).sequence_first, !batch_first);
      EXPECT_EQ(testing::count_nodes<Reshape>(after), 1u) << "of the result";
    }
  }
}

TEST(FuseAttention, LookAlikesStay) {
  for (const Form& form : {Form{.name = "softmax over queries", .softmax_axis = 1},
                           Form{.name = "masked", .masked = true},
                           Form{.name = "weights read", .weights_read = true}}) {
    SCOPED_TRACE(form.name);
    testing::expect_unchanged(attention(form), fuse_attention);
  }
}

// rewrite with constant queries: they are rearranged at compile time
TEST(FuseAttention, ConstantQueries) {
  GraphBuilder b;
  const Form form{.name = "constant"};
  const ValueId memory = b.input("memory", {5, 1, 8});
  const ValueId k = heads(b, form, memory, 5, {1, 2, 0});
  const ValueId v = heads(b, form, memory, 5, {1, 0, 2});
  const ValueId logits = b.node(MatMul{}, {b.random_constant({2, 3, 4}), k});
  const ValueId y = b.node(MatMul{}, {b.node(Softmax{}, {logits}), v});
  b.output(b.node(Transpose{.perm = {1, 0, 2}}, {y}));
  const Graph after =
      rewritten(b.done(), {fuse_attention, merge_views, fold_constants, remove_dead_code});
  EXPECT_EQ(testing::the_op<Attention>(after).num_heads, 2);
  EXPECT_EQ(testing::count_nodes<Transpose>(after), 0u);
}

// rewrite without heads: each matrix of the batch is one head
TEST(FuseAttention, PlainBatchedProducts) {
  GraphBuilder b;
  const ValueId q = b.input("q", {2, 3, 4, 5});
  const ValueId k = b.input("k", {2, 3, 6, 5});
  const ValueId turned = b.node(Transpose{.perm = {0, 1, 3, 2}}, {k});
  const ValueId weights = b.node(Softmax{}, {b.node(MatMul{}, {q, turned})});
  b.output(b.node(MatMul{}, {weights, b.input("v", {2, 3, 6, 5})}));
  const Graph after = rewritten(b.done(), {fuse_attention, merge_views});
  EXPECT_EQ(testing::the_op<Attention>(after).num_heads, 1);
  EXPECT_EQ(testing::count_nodes<Transpose>(after), 0u);
}

TEST(FuseAttention, BroadcastOperandsStay) {
  GraphBuilder b;
  const ValueId q = b.input("q", {2, 3, 4, 5});
  const ValueId weights = b.node(Softmax{}, {b.node(MatMul{}, {q, b.input("k", {5, 6})})});
  b.output(b.node(MatMul{}, {weights, b.input("v", {2, 3, 6, 5})}));
  testing::expect_unchanged(b.done(), fuse_attention);
}

}  // namespace
}  // namespace tendon
