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

constexpr int64_t kOfFeature = 6;
constexpr int64_t kOfToken = 8;

Tensor codes_like(const Shape& shape) {
  Tensor made(DataType::kInt8, shape);
  int next = 3;
  for (int8_t& code : made.mutable_data<int8_t>()) {
    code = static_cast<int8_t>(next++ * 37 % 255 - 127);
  }
  return made;
}

ValueId equal_scales(GraphBuilder& b, int64_t count, float scale) {
  return b.constant(
      Tensor::from<float>({count}, std::vector<float>(static_cast<size_t>(count), scale)));
}

FusedConv pixelwise() {
  FusedConv conv;
  conv.channels_last = true;
  conv.kernel_shape = {1, 1};
  return conv;
}

/// Tokens of a constant, a projected state and two cameras' features, an attention over them and
/// its projection, as fusing leaves them.
struct Encoder {
  GraphBuilder b;
  bool of_codes = false;
  bool bias_matrix = true;
  int64_t batch = 1;

  ValueId state() {
    return b.node(FusedMatMul{.alpha = 0.5f},
                  {b.input("qpos", {1, batch, 3}), b.random_constant({3, kOfToken}),
                   b.random_constant({kOfToken})});
  }
  /// [cameras * batch, 2, 3, kOfToken]
  ValueId projected() {
    const Shape x{2 * batch, 2, 3, kOfFeature};
    if (!of_codes) {
      return b.node(pixelwise(),
                    {b.input("features", x), b.random_constant({kOfToken, kOfFeature, 1, 1}),
                     b.random_constant({kOfToken})});
    }
    QuantizedConv conv;
    conv.channels_last = true;
    conv.kernel_shape = {1, 1};
    return b.node(conv, {b.input("features", x, DataType::kUInt8),
                         b.constant(codes_like({kOfToken, kOfFeature, 1, 1})),
                         equal_scales(b, kOfToken, 0.001f), b.random_constant({kOfToken})});
  }
  ValueId tokens_of(ValueId features) {
    if (batch == 1) return b.node(Reshape{}, {features, b.ints({12, 1, kOfToken})});
    const ValueId apart = b.node(Reshape{}, {features, b.ints({2, batch, 6, kOfToken})});
    const ValueId turned = b.node(Transpose{.perm = {0, 2, 1, 3}}, {apart});
    return b.node(Reshape{}, {turned, b.ints({12, batch, kOfToken})});
  }
  ValueId tokens() {
    const ValueId first = b.random_constant({1, batch, kOfToken});
    const ValueId others = b.node(Concat{}, {first, state()});
    return b.node(Concat{}, {others, tokens_of(projected())});
  }
  ValueId joined(ValueId x) {
    const Shape bias = bias_matrix ? Shape{14, 1, 3 * kOfToken} : Shape{3 * kOfToken};
    if (!of_codes) {
      return b.node(FusedMatMul{},
                    {x, b.random_constant({kOfToken, 3 * kOfToken}), b.random_constant(bias)});
    }
    const ValueId quantized = b.node(QuantizeLinear{}, {x, b.constant(Tensor::scalar(0.05f)),
                                                        b.constant(Tensor::scalar<int8_t>(0))});
    return b.node(QuantizedMatMul{},
                  {quantized, b.constant(codes_like({kOfToken, 3 * kOfToken})),
                   equal_scales(b, 3 * kOfToken, 0.0002f), b.random_constant(bias)});
  }
  ValueId attention(ValueId q, ValueId kv) {
    return b.node(Attention{.num_heads = 2,
                            .scale = 0.5f,
                            .sequence_first = true,
                            .width = kOfToken,
                            .k_column = kOfToken,
                            .v_column = 2 * kOfToken},
                  {q, kv, kv});
  }
  ValueId added(ValueId x, ValueId residual) {
    return b.node(NormalizedMatMul{},
                  {x, b.random_constant({kOfToken, kOfToken}), b.random_constant({kOfToken}),
                   residual, b.random_constant({kOfToken}), b.random_constant({kOfToken})});
  }
  Graph done() {
    const ValueId x = tokens();
    const ValueId read = joined(x);
    b.output(added(attention(read, read), x));
    return b.done();
  }
};

// rewrite FusedConv(f), FusedMatMul(q) -> Concat -> FusedMatMul -> Attention -> NormalizedMatMul
//      -> FusedMatMul(f), FusedMatMul(q) -> Concat -> Attention -> NormalizedMatMul
TEST(MergeProjections, OneProductMakesTokensAndWhatIsReadOfThem) {
  for (const bool bias_matrix : {true, false}) {
    const Graph before = Encoder{.bias_matrix = bias_matrix}.done();
    testing::expect_exact(before, merge_projections);
    const Graph after = rewritten(before, merge_projections);
    EXPECT_THAT(testing::types_of(after), ElementsAre("FusedMatMul", "Reshape", "FusedMatMul",
                                                      "Concat", "Attention", "NormalizedMatMul"));
    const Node& whole = the<Concat>(after);
    EXPECT_EQ(after.shape(whole.outputs[0]), (Shape{14, 1, 4 * kOfToken}));
    EXPECT_TRUE(after.is_constant(whole.inputs[0]));
    const Attention& op = the_op<Attention>(after);
    EXPECT_EQ((std::vector{op.width, op.q_column, op.k_column, op.v_column}),
              (std::vector{kOfToken, kOfToken, 2 * kOfToken, 3 * kOfToken}));
    EXPECT_EQ(the<NormalizedMatMul>(after).inputs[3], whole.outputs[0]);
  }
}

TEST(MergeProjections, OfABatch) {
  const Graph before = Encoder{.batch = 2}.done();
  testing::expect_exact(before, merge_projections);
  const Graph after = rewritten(before, merge_projections);
  const Node& turned = the<Transpose>(after);
  EXPECT_EQ(after.shape(turned.outputs[0]).back(), kOfFeature);
}

/// What comes of codes keeps its codes; the rest of the weights is rounded to 8 bits anew.
TEST(MergeProjections, OfCodes) {
  const Graph before = Encoder{.of_codes = true}.done();
  Graph after = before;
  ASSERT_TRUE(merge_projections(after));
  EXPECT_EQ(testing::count_nodes<QuantizeLinear>(after), 0u);
  EXPECT_EQ(testing::count_nodes<FusedMatMul>(after), 1u) << "the state's";
  const Node& merged = the<QuantizedMatMul>(after);
  const auto weight = after.value(merged.inputs[1]).constant->data<int8_t>();
  const Tensor own = codes_like({kOfToken, kOfFeature});
  for (int64_t k = 0; k < kOfFeature; ++k) {
    for (int64_t n = 0; n < kOfToken; ++n) {
      EXPECT_EQ(weight[static_cast<size_t>(k * 4 * kOfToken + n)],
                own.data<int8_t>()[static_cast<size_t>(n * kOfFeature + k)]);
    }
  }
  const auto scale = after.value(merged.inputs[2]).constant->data<float>();
  EXPECT_FLOAT_EQ(scale[0], 0.001f);
  const TensorMap inputs = testing::random_inputs(before);
  EXPECT_LE(testing::max_abs_difference(testing::run_reference(before, inputs),
                                        testing::run_reference(after, inputs)),
            0.1);
}

/// An attention may read its queries elsewhere.
TEST(MergeProjections, OfKeysAndValues) {
  Encoder e;
  const ValueId x = e.tokens();
  const ValueId q = e.b.input("q", {14, 1, 3 * kOfToken});
  e.b.output(e.added(e.attention(q, e.joined(x)), x));
  const Graph after = rewritten(e.b.done(), merge_projections);
  const Attention& op = the_op<Attention>(after);
  EXPECT_EQ((std::vector{op.q_column, op.k_column}), (std::vector{int64_t{0}, 2 * kOfToken}));
}

TEST(MergeProjections, TokensThatAreReadElsewhereStay) {
  {
    Encoder e;
    const ValueId x = e.tokens();
    const ValueId read = e.joined(x);
    e.b.output(e.added(e.attention(read, read), x));
    e.b.output(x);
    testing::expect_unchanged(e.b.done(), merge_projections);
  }
  {
    Encoder e;
    const ValueId x = e.tokens();
    const ValueId read = e.joined(x);
    e.b.output(e.added(e.added(e.attention(read, read), x), x));
    e.b.output(e.b.node(Unary{UnaryKind::kExp}, {read}));
    testing::expect_unchanged(e.b.done(), merge_projections);
  }
  Encoder e;
  const ValueId x = e.tokens();
  const ValueId read = e.joined(x);
  e.b.output(e.added(x, e.attention(read, read)));
  testing::expect_unchanged(e.b.done(), merge_projections);
}

TEST(MergeProjections, PartsThatAreNoProductsStay) {
  const auto unchanged = [](auto make) {
    Encoder e;
    const ValueId x = e.b.node(Concat{}, {e.state(), e.tokens_of(make(e))});
    const ValueId read =
        e.b.node(FusedMatMul{}, {x, e.b.random_constant({kOfToken, 3 * kOfToken})});
    e.b.output(e.added(e.attention(read, read), x));
    testing::expect_unchanged(e.b.done(), merge_projections);
  };
  unchanged([](Encoder& e) { return e.b.input("made", {2, 2, 3, kOfToken}); });
  unchanged([](Encoder& e) {
    FusedConv conv = pixelwise();
    conv.activation = Activation::kRelu;
    return e.b.node(conv, {e.b.input("features", {2, 2, 3, kOfFeature}),
                           e.b.random_constant({kOfToken, kOfFeature, 1, 1})});
  });
  unchanged([](Encoder& e) {
    FusedConv conv = pixelwise();
    conv.strides = {2, 2};
    return e.b.node(conv, {e.b.input("features", {2, 4, 6, kOfFeature}),
                           e.b.random_constant({kOfToken, kOfFeature, 1, 1})});
  });
  unchanged([](Encoder& e) {
    const ValueId shown = e.projected();
    e.b.output(shown);
    return shown;
  });
}

/// A product of floats in the place of two of codes would take longer than both.
TEST(MergeProjections, FloatsDoNotTakeThePlaceOfCodes) {
  Encoder e;
  const ValueId x = e.tokens();
  e.of_codes = true;
  const ValueId read = e.joined(x);
  e.b.output(e.added(e.attention(read, read), x));
  testing::expect_unchanged(e.b.done(), merge_projections);
}

TEST(MergeProjections, WhatWouldBeMuchMoreWorkStays) {
  Encoder e;
  constexpr int64_t kManyChannels = 1024;
  const ValueId features =
      e.b.node(pixelwise(), {e.b.input("features", {1, 50, 60, kManyChannels}),
                             e.b.random_constant({kOfToken, kManyChannels, 1, 1})});
  const ValueId x = e.b.node(
      Concat{}, {e.state(), e.b.node(Reshape{}, {features, e.b.ints({3000, 1, kOfToken})})});
  const ValueId read = e.b.node(FusedMatMul{}, {x, e.b.random_constant({kOfToken, 3 * kOfToken})});
  e.b.output(e.added(e.attention(read, read), x));
  testing::expect_unchanged(e.b.done(), merge_projections);
}

}  // namespace
}  // namespace tendon
