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

constexpr int64_t kColumns = 8;

/// x [T, B, 4] -> x w + b.
ValueId biased(GraphBuilder& b, ValueId x, const Shape& bias, const FusedMatMul& op = {}) {
  return b.node(op, {x, b.random_constant({4, kColumns}), b.random_constant(bias)}, "product");
}

struct Tokens {
  ValueId x, q, v;
  Attention op;
};

Tokens tokens(GraphBuilder& b, bool sequence_first) {
  const ValueId x = b.input("x", sequence_first ? Shape{5, 2, 4} : Shape{2, 5, 4});
  const Shape rows = sequence_first ? Shape{5, 2, kColumns} : Shape{2, 5, kColumns};
  return {x, b.input("q", rows), b.input("v", rows),
          Attention{.num_heads = 2, .scale = 0.5F, .sequence_first = sequence_first}};
}

/// Scores, a mask and Softmax as fuse_attention leaves them. Keys are [heads, width, T].
Graph masked_attention(const Shape& bias, bool mask_last, bool shown = false) {
  GraphBuilder b;
  const ValueId k = biased(b, b.input("x", {5, 4}), bias);
  const ValueId split = b.node(Reshape{}, {k, b.ints({5, 2, 4})});
  const ValueId keys = b.node(Transpose{.perm = {1, 2, 0}}, {split});
  ValueId scores = b.node(FusedMatMul{}, {b.input("q", {2, 3, 4}), keys});
  if (shown) b.output(scores);
  const ValueId scale = b.constant(Tensor::scalar(0.5F));
  const ValueId mask = b.input("mask", {3, 5});
  if (mask_last) {
    scores = b.node(kAdd, {mask, b.node(kMul, {scores, scale})});
  } else {
    const Binary divided{BinaryKind::kDiv};
    scores = b.node(divided, {b.node(kAdd, {scores, mask}), scale});
  }
  b.output(b.node(MatMul{}, {b.node(Softmax{}, {scores}), b.input("v", {2, 5, 4})}, "y"));
  return b.done();
}

// rewrite Attention(q, FusedMatMul(x, w, b), v) -> Attention(q, FusedMatMul(x, w), v)
TEST(DropKeyBias, OfAnAttention) {
  for (const bool sequence_first : {true, false}) {
    for (const Shape& bias : {Shape{kColumns}, Shape{1, 1, kColumns}, Shape{1}}) {
      GraphBuilder b;
      const Tokens t = tokens(b, sequence_first);
      b.output(b.node(t.op, {t.q, biased(b, t.x, bias), t.v}, "y"));
      const Graph before = b.done();
      expect_exact(before, drop_key_bias);
      const Graph after = rewritten(before, drop_key_bias);
      EXPECT_EQ(the<FusedMatMul>(after).inputs.size(), 2u);
      EXPECT_EQ(the<FusedMatMul>(after).name, "product");
    }
  }
}

// A residual of the product stays where it is, and so does a view between the two.
TEST(DropKeyBias, BesideAResidualAndBehindAView) {
  GraphBuilder b;
  const Tokens t = tokens(b, true);
  const ValueId x = b.input("rows", {10, 4});
  const ValueId k =
      b.node(FusedMatMul{}, {x, b.random_constant({4, kColumns}), b.random_constant({kColumns}),
                             b.input("residual", {10, kColumns})});
  const ValueId view = b.node(Reshape{}, {k, b.ints({5, 2, kColumns})});
  b.output(b.node(t.op, {t.q, view, t.v}, "y"));
  const Graph before = b.done();
  expect_exact(before, drop_key_bias);
  const Graph after = rewritten(before, drop_key_bias);
  EXPECT_EQ(the<FusedMatMul>(after).inputs[2], kNone);
}

TEST(DropKeyBias, OfIntegerProducts) {
  GraphBuilder b;
  const Tokens t = tokens(b, true);
  const ValueId codes = b.input("codes", {5, 2, 4}, DataType::kInt8);
  Tensor weight(DataType::kInt8, Shape{4, kColumns});
  int next = 0;
  for (int8_t& code : weight.mutable_data<int8_t>()) code = static_cast<int8_t>(next++ * 7 - 90);
  const ValueId scale =
      b.constant(Tensor::from<float>({kColumns}, std::vector<float>(kColumns, 0.01F)));
  const ValueId k =
      b.node(QuantizedMatMul{}, {codes, b.constant(weight), scale, b.random_constant({kColumns})});
  b.output(b.node(t.op, {t.q, k, t.v}, "y"));
  const Graph after = rewritten(b.done(), drop_key_bias);
  EXPECT_EQ(the<QuantizedMatMul>(after).inputs.size(), 3u);
}

// rewrite Softmax(q FusedMatMul(x, w, b)^T * s + mask) -> Softmax(q FusedMatMul(x, w)^T * s + mask)
TEST(DropKeyBias, UnderMasks) {
  for (const bool mask_last : {true, false}) {
    const Graph before = masked_attention({kColumns}, mask_last);
    expect_exact(before, drop_key_bias);
    const Graph after = rewritten(before, drop_key_bias);
    EXPECT_EQ(after.producer(the<Reshape>(after).inputs[0])->inputs.size(), 2u);
  }
}

// Positions differ from key to key.
TEST(DropKeyBias, WhatVariesWithTheKeyStays) {
  GraphBuilder b;
  const Tokens t = tokens(b, true);
  b.output(b.node(t.op, {t.q, biased(b, t.x, {5, 1, kColumns}), t.v}, "y"));
  expect_unchanged(b.done(), drop_key_bias);
  expect_unchanged(masked_attention({5, kColumns}, true), drop_key_bias);
}

// Keys that are the columns of a product have its bias along them.
TEST(DropKeyBias, KeysAlongColumnsStay) {
  GraphBuilder b;
  const ValueId keys = b.node(
      FusedMatMul{}, {b.input("x", {4, 4}), b.random_constant({4, 6}), b.random_constant({6})});
  const ValueId scores = b.node(FusedMatMul{}, {b.input("q", {3, 4}), keys});
  b.output(b.node(Softmax{}, {scores}));
  expect_unchanged(b.done(), drop_key_bias);
}

TEST(DropKeyBias, WhatSomethingElseReadsStays) {
  GraphBuilder b;
  const Tokens t = tokens(b, true);
  const ValueId both = biased(b, t.x, {kColumns});
  b.output(b.node(t.op, {t.q, both, both}, "y"));
  const ValueId shown = biased(b, t.x, {kColumns});
  b.output(shown);
  b.output(b.node(t.op, {t.q, shown, t.v}, "z"));
  const ValueId active = biased(b, t.x, {kColumns}, {.activation = Activation::kRelu});
  b.output(b.node(t.op, {t.q, active, t.v}, "a"));
  expect_unchanged(b.done(), drop_key_bias);
  expect_unchanged(masked_attention({kColumns}, true, true), drop_key_bias);
}

// Over queries softmax does see what the keys add.
TEST(DropKeyBias, AnotherAxisStays) {
  GraphBuilder b;
  const ValueId k = biased(b, b.input("x", {5, 4}), {kColumns});
  const ValueId scores = b.node(FusedMatMul{.trans_b = true}, {b.input("q", {3, kColumns}), k});
  b.output(b.node(Softmax{.axis = 0}, {scores}, "y"));
  expect_unchanged(b.done(), drop_key_bias);
}

}  // namespace
}  // namespace tendon
