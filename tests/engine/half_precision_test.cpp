// Float16 or bfloat16 between inputs and outputs: what changes its type, what does not, how near it
// stays.
#include "engine/half_precision.h"

#include <gmock/gmock.h>

#include "support/graphs.h"

namespace tendon {
namespace {

using testing::GraphBuilder;

DataType type_at(const Graph& graph, std::string_view node) {
  for (const Node& candidate : graph.nodes()) {
    if (candidate.alive && candidate.name == node) return graph.type(candidate.outputs[0]).dtype;
  }
  ADD_FAILURE() << "no node " << node;
  return DataType::kBool;
}

/// x - c -> FusedMatMul -> * c -> FusedMatMul -> * c -> FusedMatMul -> y
Graph small_network(float large = 1) {
  GraphBuilder b;
  const ValueId x = b.input("x", {3, 16});
  const ValueId centred =
      b.node(Binary{BinaryKind::kSub}, {x, b.constant(Tensor::scalar(0.5F))}, "centre");
  const ValueId first =
      b.node(FusedMatMul{}, {centred, b.random_constant({16, 16}, "w1")}, "first");
  const ValueId scaled =
      b.node(Binary{BinaryKind::kMul}, {first, b.constant(Tensor::scalar(large))}, "scale");
  const ValueId second =
      b.node(FusedMatMul{}, {scaled, b.random_constant({16, 16}, "w2")}, "second");
  const ValueId finished =
      b.node(Binary{BinaryKind::kMul}, {second, b.constant(Tensor::scalar(0.25F))}, "finish");
  b.output(b.node(FusedMatMul{}, {finished, b.random_constant({16, 4}, "w3")}, "last"));
  return b.done();
}

// rewrite x -> Sub -> MatMul -> Mul -> MatMul -> Mul -> MatMul  to
// x -> Sub -> Cast -> MatMul16 -> Mul16 -> MatMul16 -> Cast -> Mul -> MatMul
TEST(HalfPrecision, InputsArePreparedAndOutputsMadeInFloat32) {
  Graph graph = small_network();
  const TensorMap inputs = testing::random_inputs(graph);
  const TensorMap before = testing::run_reference(graph, inputs);
  const auto kept = lower_to_half(graph);
  EXPECT_EQ(type_at(graph, "centre"), DataType::kFloat32);
  EXPECT_EQ(type_at(graph, "first"), DataType::kFloat16);
  EXPECT_EQ(type_at(graph, "scale"), DataType::kFloat16);
  EXPECT_EQ(type_at(graph, "second"), DataType::kFloat16);
  EXPECT_EQ(type_at(graph, "finish"), DataType::kFloat32) << "only the output's layer reads it";
  EXPECT_EQ(type_at(graph, "last"), DataType::kFloat32);
  EXPECT_EQ(testing::count_type(graph, "Cast"), 2u);
  ASSERT_EQ(kept.size(), 1u);
  EXPECT_EQ(kept[0].layer, "last");
  EXPECT_EQ(kept[0].reason, "makes an output");
  const TensorMap after = testing::run_reference(graph, inputs);
  EXPECT_LT(testing::max_abs_difference(before, after), 0.1);
  EXPECT_GT(testing::max_abs_difference(before, after), 0.0);
}

TEST(HalfPrecision, ConstantsBeyondItsRangeKeepTheirLayerInFloat32) {
  Graph graph = small_network(1e5F);
  lower_to_half(graph);
  EXPECT_EQ(type_at(graph, "first"), DataType::kFloat16);
  EXPECT_EQ(type_at(graph, "scale"), DataType::kFloat32);
}

TEST(HalfPrecision, AReshapeThatMakesAnOutputIsGivenFloat32) {
  GraphBuilder b;
  const ValueId x = b.input("x", {3, 16});
  const ValueId first = b.node(FusedMatMul{}, {x, b.random_constant({16, 16}, "w1")}, "first");
  const ValueId second =
      b.node(FusedMatMul{}, {first, b.random_constant({16, 16}, "w2")}, "second");
  b.output(b.node(Reshape{}, {second, b.ints({48})}, "flat"));
  Graph graph = b.done();
  const std::string name = graph.value(graph.outputs()[0]).name;
  lower_to_half(graph);
  EXPECT_EQ(type_at(graph, "flat"), DataType::kFloat32);
  EXPECT_EQ(graph.value(graph.outputs()[0]).name, name) << "no Cast behind it";
}

std::string name_of_result(const Graph& graph, std::string_view node) {
  for (const Node& candidate : graph.nodes()) {
    if (candidate.name == node) return graph.value(candidate.outputs[0]).name;
  }
  return {};
}

TEST(HalfPrecision, ValuesBeyondItsRangeOnCalibrationDataKeepTheirLayersInFloat32) {
  Graph graph = small_network();
  const Ranges ranges = {{name_of_result(graph, "scale"), {.amax = 9e4, .min = -9e4, .max = 10}}};
  const auto kept = lower_to_half(graph, DataType::kFloat16, ranges);
  EXPECT_EQ(type_at(graph, "first"), DataType::kFloat16);
  EXPECT_EQ(type_at(graph, "scale"), DataType::kFloat32) << "makes it";
  EXPECT_EQ(type_at(graph, "second"), DataType::kFloat32) << "reads it";
  ASSERT_EQ(kept.size(), 3u);
  EXPECT_EQ(kept[0].layer, "scale") << "is no product, and named all the same";
  EXPECT_EQ(kept[1].layer, "second");
  for (int i = 0; i < 2; ++i) {
    EXPECT_TRUE(kept[i].guarded);
    EXPECT_THAT(kept[i].reason, ::testing::HasSubstr("up to 9e+04 on calibration data"));
  }
  EXPECT_FALSE(kept[2].guarded) << kept[2].reason;
}

TEST(HalfPrecision, ScalesAloneSayHowLargeValuesWere) {
  Graph graph = small_network();
  lower_to_half(graph, DataType::kFloat16, {{name_of_result(graph, "first"), {.amax = 65505}}});
  EXPECT_EQ(type_at(graph, "first"), DataType::kFloat32);
  Graph fitting = small_network();
  lower_to_half(fitting, DataType::kFloat16, {{name_of_result(fitting, "first"), {.amax = 65504}}});
  EXPECT_EQ(type_at(fitting, "first"), DataType::kFloat16);
}

TEST(HalfPrecision, ValuesTooSmallForItsDigitsOnCalibrationDataKeepTheirLayersInFloat32) {
  Graph graph = small_network();
  const Ranges ranges = {{name_of_result(graph, "scale"), {.amax = 1e-6, .min = -1e-6, .max = 0}}};
  const auto kept = lower_to_half(graph, DataType::kFloat16, ranges);
  EXPECT_EQ(type_at(graph, "first"), DataType::kFloat16);
  EXPECT_EQ(type_at(graph, "scale"), DataType::kFloat32) << "makes it";
  EXPECT_EQ(type_at(graph, "second"), DataType::kFloat32) << "reads it";
  ASSERT_GE(kept.size(), 1u);
  EXPECT_TRUE(kept[0].guarded);
  EXPECT_THAT(kept[0].reason, ::testing::HasSubstr("at most 1e-06 on calibration data"));
  Graph still = small_network();
  lower_to_half(still, DataType::kFloat16, {{name_of_result(still, "scale"), {.amax = 1}}});
  EXPECT_EQ(type_at(still, "scale"), DataType::kFloat16);
}

TEST(HalfPrecision, WeightsTooSmallForItsDigitsKeepTheirLayerInFloat32) {
  for (const float factor : {1.0F, 1e-6F}) {
    GraphBuilder b;
    Tensor weights = testing::random_tensor({16, 16});
    for (float& w : weights.mutable_data<float>()) w *= factor;
    const ValueId x = b.input("x", {3, 16});
    const ValueId first = b.node(FusedMatMul{}, {x, b.constant(weights, "w1")}, "first");
    const ValueId second = b.node(
        FusedMatMul{}, {first, b.random_constant({16, 16}), b.random_constant({16})}, "next");
    b.output(b.node(FusedMatMul{}, {second, b.random_constant({16, 4})}, "last"));
    Graph graph = b.done();
    const auto kept = lower_to_half(graph);
    const bool tiny = factor != 1;
    EXPECT_EQ(type_at(graph, "first"), tiny ? DataType::kFloat32 : DataType::kFloat16);
    EXPECT_EQ(type_at(graph, "next"), DataType::kFloat16);
    ASSERT_EQ(kept.size(), tiny ? 2u : 1u);
    EXPECT_EQ(kept[0].guarded, tiny);
    EXPECT_THAT(kept[0].reason,
                ::testing::StartsWith(tiny ? "has weights that float16 changes" : "makes"));
  }
}

TEST(HalfPrecision, AJudgeIsAskedAboutWhatWouldBeHalf) {
  Graph graph = small_network();
  std::map<std::string, size_t> asked;
  const HalfJudge judge = [&](const Graph& whole, std::span<const HalfLayer> layers) {
    std::map<NodeId, std::string> objections;
    for (const HalfLayer& layer : layers) {
      const std::string& name = whole.node(layer.node).name;
      asked[name] = layer.inputs.size();
      if (name == "scale") objections[layer.node] = "is not liked";
    }
    return objections;
  };
  const auto kept = lower_to_half(graph, DataType::kFloat16, {}, judge);
  EXPECT_THAT(asked,
              ::testing::ElementsAre(::testing::Pair("first", 2), ::testing::Pair("scale", 2),
                                     ::testing::Pair("second", 2)));
  EXPECT_EQ(type_at(graph, "scale"), DataType::kFloat32);
  ASSERT_EQ(kept.size(), 2u);
  EXPECT_EQ(kept[0].reason, "is not liked");
  EXPECT_TRUE(kept[0].guarded);
}

TEST(HalfPrecision, Bfloat16HasFloat32sRange) {
  Graph graph = small_network(1e5F);
  lower_to_half(graph, DataType::kBFloat16, {}, {}, HalfOf::kProducts);
  EXPECT_EQ(type_at(graph, "first"), DataType::kBFloat16);
  EXPECT_EQ(type_at(graph, "scale"), DataType::kBFloat16);
}

/// a -> FusedMatMul -> FusedMatMul (bias, residual a) -> + c -> y: only float32 reads the second.
TEST(HalfPrecision, ABfloat16ProductAddsAndWritesFloat32WhereOnlyThatReadsIt) {
  for (const DataType half : {DataType::kFloat16, DataType::kBFloat16}) {
    GraphBuilder b;
    const ValueId x = b.input("x", {3, 16});
    const ValueId first = b.node(FusedMatMul{}, {x, b.random_constant({16, 16}, "w1")}, "first");
    const ValueId second = b.node(
        FusedMatMul{}, {first, b.random_constant({16, 16}, "w2"), b.random_constant({16}, "b"), x},
        "second");
    const ValueId finish =
        b.node(Binary{BinaryKind::kMul}, {second, b.constant(Tensor::scalar(0.25F))}, "finish");
    b.output(b.node(Unary{UnaryKind::kTanh}, {finish}, "last"));
    Graph graph = b.done();
    const TensorMap inputs = testing::random_inputs(graph);
    const TensorMap before = testing::run_reference(graph, inputs);
    const bool wide = half == DataType::kBFloat16;
    lower_to_half(graph, half, {}, {}, wide ? HalfOf::kProducts : HalfOf::kEverything);
    EXPECT_EQ(type_at(graph, "first"), half);
    EXPECT_EQ(type_at(graph, "second"), wide ? DataType::kFloat32 : half);
    EXPECT_EQ(testing::count_type(graph, "Cast"), wide ? 1u : 2u);
    EXPECT_LT(testing::max_abs_difference(before, testing::run_reference(graph, inputs)), 0.1);
  }
}

/// x -> FusedMatMul -> s; s -> LayerNormalization -> FusedMatMul + s -> t, the same again, -> y.
TEST(HalfPrecision, BesideBfloat16TheResidualStreamStaysFloat32) {
  GraphBuilder b;
  ValueId stream = b.node(
      FusedMatMul{},
      {b.input("x", {3, 16}), b.random_constant({16, 16}, "w"), b.random_constant({16}, "b")},
      "enter");
  for (const char* block : {"1", "2"}) {
    const ValueId normal = b.node(LayerNormalization{}, {stream, b.random_constant({16}, "")},
                                  std::string("norm") + block);
    stream = b.node(FusedMatMul{}, {normal, b.random_constant({16, 16}, ""), kNone, stream},
                    std::string("join") + block);
  }
  b.output(b.node(FusedMatMul{}, {stream, b.random_constant({16, 16}, "last_w")}, "last"));
  Graph graph = b.done();
  const TensorMap inputs = testing::random_inputs(graph);
  const TensorMap before = testing::run_reference(graph, inputs);
  lower_to_half(graph, DataType::kBFloat16, {}, {}, HalfOf::kProducts);
  for (const char* full : {"enter", "norm1", "join1", "norm2", "join2", "last"}) {
    EXPECT_EQ(type_at(graph, full), DataType::kFloat32) << full;
  }
  EXPECT_EQ(testing::count_type(graph, "Cast"), 3u) << "of what the products read";
  EXPECT_LT(testing::max_abs_difference(before, testing::run_reference(graph, inputs)), 0.5);
}

ValueId int8_product(GraphBuilder& b, ValueId codes, const std::string& name) {
  Tensor weight(DataType::kInt8, Shape{16, 16});
  for (int64_t i = 0; i < weight.size(); ++i) {
    weight.mutable_data<int8_t>()[static_cast<size_t>(i)] = static_cast<int8_t>(i * 37 % 127);
  }
  return b.node(QuantizedMatMul{},
                {codes, b.constant(weight),
                 b.constant(Tensor::from<float>({16}, std::vector<float>(16, 1e-4F)))},
                name);
}

TEST(HalfPrecision, WhereOneTypeIsForEverythingBfloat16GoesWhereFloat16Does) {
  for (const DataType half : {DataType::kFloat16, DataType::kBFloat16}) {
    GraphBuilder b;
    const ValueId x = b.input("x", {3, 16});
    const ValueId first = b.node(FusedMatMul{}, {x, b.random_constant({16, 16}, "w1")}, "first");
    const ValueId norm =
        b.node(LayerNormalization{}, {first, b.random_constant({16}, "scale")}, "norm");
    const ValueId second =
        b.node(FusedMatMul{}, {norm, b.random_constant({16, 16}, "w2"), kNone, first}, "second");
    b.output(b.node(FusedMatMul{}, {second, b.random_constant({16, 16}, "w3")}, "last"));
    Graph graph = b.done();
    lower_to_half(graph, half);
    for (const char* name : {"first", "norm", "second"}) EXPECT_EQ(type_at(graph, name), half);
    EXPECT_EQ(type_at(graph, "last"), DataType::kFloat32);
    EXPECT_EQ(testing::count_type(graph, "Cast"), 2u);
  }
}

TEST(HalfPrecision, TheLastHundredthOfTheWorkStaysFloat32BesideBfloat16) {
  for (const DataType half : {DataType::kFloat16, DataType::kBFloat16}) {
    GraphBuilder b;
    const ValueId first = b.node(
        FusedMatMul{}, {b.input("x", {3, 512}), b.random_constant({512, 64}, "w1")}, "first");
    const ValueId second =
        b.node(FusedMatMul{}, {first, b.random_constant({64, 4}, "w2")}, "second");
    b.output(b.node(FusedMatMul{}, {second, b.random_constant({4, 4}, "w3")}, "last"));
    Graph graph = b.done();
    const bool wide = half == DataType::kBFloat16;
    lower_to_half(graph, half, {}, {}, wide ? HalfOf::kProducts : HalfOf::kEverything);
    EXPECT_EQ(type_at(graph, "first"), wide ? DataType::kFloat32 : half);
    EXPECT_EQ(type_at(graph, "second"), wide ? DataType::kFloat32 : half);
    for (const Node& node : graph.nodes()) {
      if (node.name != "first") continue;
      EXPECT_EQ(graph.type(node.inputs[1]).dtype, half) << "what it computes in";
    }
    EXPECT_EQ(testing::count_type(graph, "Cast"), wide ? 1u : 2u);
  }
}

/// x -> FusedMatMul -> Concat(c) -> Concat(an 8-bit product's result) -> tanh -> y, as tokens are
/// joined: nothing between the first product and the last layer changes its type.
TEST(HalfPrecision, WhatIsReadInFloat32AloneIsJoinedInIt) {
  GraphBuilder b;
  const ValueId proprio =
      b.node(FusedMatMul{}, {b.input("x", {1, 32}), b.random_constant({32, 16})}, "proprio");
  const ValueId first =
      b.node(Concat{.axis = 0}, {b.random_constant({1, 16}), proprio}, "first tokens");
  const ValueId codes =
      b.node(QuantizeLinear{}, {b.input("images", {4, 16}), b.constant(Tensor::scalar(0.02F)),
                                b.constant(Tensor::scalar(int8_t{0}))});
  const ValueId tokens =
      b.node(Concat{.axis = 0}, {first, int8_product(b, codes, "projection")}, "tokens");
  const ValueId weight = b.random_constant({16, 512});
  b.output(b.node(Unary{UnaryKind::kTanh}, {b.node(FusedMatMul{}, {tokens, weight}, "work")}, "y"));
  Graph graph = b.done();
  const TensorMap inputs = testing::random_inputs(graph);
  const TensorMap before = testing::run_reference(graph, inputs);
  lower_to_half(graph, DataType::kBFloat16, {}, {}, HalfOf::kProducts);
  for (const char* full : {"proprio", "first tokens", "projection", "tokens"}) {
    EXPECT_EQ(type_at(graph, full), DataType::kFloat32) << full;
  }
  EXPECT_EQ(testing::count_type(graph, "Cast"), 2u) << "of what the two products read";
  EXPECT_LT(testing::max_abs_difference(before, testing::run_reference(graph, inputs)), 0.5);
}

/// x -> QuantizeLinear -> three 8-bit products -> Attention -> FusedMatMul (+ x') ->
/// QuantizedLayerNormalization, and x' = a fourth product's float32.
TEST(HalfPrecision, BetweenEightBitLayersTheResidualStreamStaysFloat32) {
  GraphBuilder b;
  const ValueId x = b.input("x", {1, 5, 16});
  const ValueId scale = b.constant(Tensor::scalar(0.02F));
  const ValueId zero = b.constant(Tensor::scalar(int8_t{0}));
  const ValueId codes = b.node(QuantizeLinear{}, {x, scale, zero}, "quantize");
  const ValueId q = int8_product(b, codes, "q");
  const ValueId k = int8_product(b, codes, "k");
  const ValueId v = int8_product(b, codes, "v");
  const ValueId stream = int8_product(b, codes, "stream");
  const ValueId shifted =
      b.node(Binary{BinaryKind::kAdd}, {stream, b.random_constant({16}, "c")}, "shift");
  const ValueId heads = b.node(Attention{.num_heads = 2}, {q, k, v}, "attention");
  const ValueId joined = b.node(
      FusedMatMul{},
      {heads, b.random_constant({16, 16}, "w"), b.random_constant({16}, "b"), shifted}, "join");
  const ValueId again = b.node(QuantizeLinear{}, {heads, scale, zero}, "requantize");
  const ValueId last = int8_product(b, again, "last");
  const ValueId sum = b.node(Binary{BinaryKind::kAdd}, {joined, last}, "sum");
  b.output(b.node(Unary{UnaryKind::kTanh}, {sum}, "finish"));
  Graph graph = b.done();
  const TensorMap inputs = testing::random_inputs(graph);
  const TensorMap before = testing::run_reference(graph, inputs);
  lower_to_half(graph, DataType::kBFloat16, {}, {}, HalfOf::kProducts);
  for (const char* half : {"q", "k", "v", "attention"}) {
    EXPECT_EQ(type_at(graph, half), DataType::kBFloat16) << half;
  }
  for (const char* full : {"stream", "shift", "join", "last", "sum"}) {
    EXPECT_EQ(type_at(graph, full), DataType::kFloat32) << full;
  }
  EXPECT_EQ(testing::count_type(graph, "Cast"), 0u);
  EXPECT_LT(testing::max_abs_difference(before, testing::run_reference(graph, inputs)), 0.05);
}

// GPUs add and normalise in float32 whatever they read, so that everything but codes is float16.
TEST(HalfPrecision, BetweenEightBitLayersFloat16IsTheStream) {
  GraphBuilder b;
  const ValueId x = b.input("x", {1, 5, 16});
  const ValueId scale = b.constant(Tensor::scalar(0.02F));
  const ValueId zero = b.constant(Tensor::scalar(int8_t{0}));
  const ValueId first = b.node(
      FusedMatMul{}, {x, b.random_constant({16, 16}, "w"), b.random_constant({16}, "b")}, "first");
  const ValueId codes = b.node(QuantizeLinear{}, {first, scale, zero}, "quantize");
  const ValueId v = int8_product(b, codes, "v");
  const ValueId heads = b.node(Attention{.num_heads = 2}, {v, v, v}, "attention");
  const ValueId sum = b.node(Binary{BinaryKind::kAdd}, {heads, first}, "sum");
  QuantizedLayerNormalization norm;
  norm.y_scale = 0.02F;
  const std::vector<ValueId> normed = b.node(norm, {sum, b.random_constant({16}, "s")}, 2, "norm");
  const ValueId last = int8_product(b, normed[1], "last");
  const ValueId end = b.node(Binary{BinaryKind::kAdd}, {last, normed[0]}, "end");
  const ValueId between = b.node(FusedMatMul{}, {end, b.random_constant({16, 8}, "w2")}, "between");
  b.output(b.node(FusedMatMul{}, {between, b.random_constant({8, 4}, "head")}, "y"));
  Graph graph = b.done();
  const TensorMap inputs = testing::random_inputs(graph);
  const TensorMap before = testing::run_reference(graph, inputs);
  lower_to_half(graph);
  for (const char* half : {"first", "v", "attention", "sum", "last", "end", "between"}) {
    EXPECT_EQ(type_at(graph, half), DataType::kFloat16) << half;
  }
  EXPECT_EQ(testing::count_type(graph, "Cast"), 2u) << "of x and of what the head reads";
  for (const Node& node : graph.nodes()) {
    if (!std::holds_alternative<QuantizedMatMul>(node.op)) continue;
    EXPECT_EQ(graph.type(node.inputs[2]).dtype, DataType::kFloat32) << "scales keep their digits";
  }
  EXPECT_LT(testing::max_abs_difference(before, testing::run_reference(graph, inputs)), 0.2);
}

// What normalises its rows reads them as they are and keeps its constants, also between products.
TEST(HalfPrecision, ProductsOfRowsThatTheyNormaliseReadFloat16) {
  GraphBuilder b;
  const ValueId first =
      b.node(FusedMatMul{}, {b.input("x", {3, 16}), b.random_constant({16, 16}, "w1")}, "first");
  const ValueId between = b.node(
      LayerNormalizationMatMul{},
      {first, b.random_constant({16, 16}, "w2"), kNone, b.random_constant({16}, "s")}, "between");
  const ValueId second =
      b.node(FusedMatMul{}, {between, b.random_constant({16, 16}, "w3")}, "second");
  const ValueId grouped = b.node(Reshape{}, {second, b.ints({1, 3, 16})}, "grouped");
  b.output(b.node(LayerNormalizationMatMul{}, {grouped, b.random_constant({16, 4}, "w4")}, "last"));
  Graph graph = b.done();
  const TensorMap inputs = testing::random_inputs(graph);
  const TensorMap before = testing::run_reference(graph, inputs);
  const auto kept = lower_to_half(graph);
  for (const char* half : {"first", "second", "grouped"}) {
    EXPECT_EQ(type_at(graph, half), DataType::kFloat16) << half;
  }
  for (const char* full : {"between", "last"}) {
    EXPECT_EQ(type_at(graph, full), DataType::kFloat32) << full;
  }
  EXPECT_EQ(testing::count_type(graph, "Cast"), 2u) << "of x and of what the second product reads";
  ASSERT_EQ(kept.size(), 2u);
  EXPECT_EQ(kept[0].reason, "normalises in float32");
  EXPECT_EQ(kept[1].reason, "makes an output");
  EXPECT_LT(testing::max_abs_difference(before, testing::run_reference(graph, inputs)), 0.1);
}

TEST(HalfPrecision, ACastKeepsTheTypeThatItSays) {
  GraphBuilder b;
  const ValueId x = b.input("x", {3, 16});
  const ValueId n = b.input("n", {3, 16}, DataType::kInt32);
  const ValueId first = b.node(FusedMatMul{}, {x, b.random_constant({16, 16}, "w1")}, "first");
  const ValueId whole = b.node(Binary{BinaryKind::kAdd}, {n, n}, "whole");
  const ValueId cast = b.node(Cast{.to = DataType::kFloat32}, {whole}, "cast");
  const ValueId sum = b.node(Binary{BinaryKind::kAdd}, {first, cast}, "sum");
  b.output(b.node(FusedMatMul{},
                  {b.node(FusedMatMul{}, {sum, b.random_constant({16, 4}, "w2")}),
                   b.random_constant({4, 4}, "w3")},
                  "last"));
  Graph graph = b.done();
  lower_to_half(graph);
  EXPECT_EQ(type_at(graph, "cast"), DataType::kFloat32);
  EXPECT_EQ(type_at(graph, "sum"), DataType::kFloat16);
}

TEST(HalfPrecision, RecurrentLayersKeepTheirState) {
  GraphBuilder b;
  const ValueId x = b.input("x", {5, 2, 16});
  const ValueId first = b.node(FusedMatMul{}, {x, b.random_constant({16, 8}, "w1")}, "first");
  const ValueId state = b.node(
      Recurrent{.kind = RecurrentKind::kRnn},
      {first, b.random_constant({1, 4, 8}, "w"), b.random_constant({1, 4, 4}, "r")}, "recurrent");
  const ValueId second = b.node(FusedMatMul{}, {state, b.random_constant({4, 4}, "w2")}, "second");
  b.output(b.node(Unary{UnaryKind::kTanh}, {second}, "last"));
  Graph graph = b.done();
  lower_to_half(graph);
  EXPECT_EQ(type_at(graph, "first"), DataType::kFloat16);
  EXPECT_EQ(type_at(graph, "recurrent"), DataType::kFloat32);
  EXPECT_EQ(type_at(graph, "second"), DataType::kFloat16);
}

TEST(HalfPrecision, OtherTypesAreLeftAlone) {
  GraphBuilder b;
  const ValueId x = b.input("x", {4}, DataType::kInt64);
  const ValueId y = b.node(Binary{BinaryKind::kAdd}, {x, x}, "sum");
  b.output(b.node(Binary{BinaryKind::kAdd}, {y, y}, "again"));
  Graph graph = b.done();
  lower_to_half(graph);
  EXPECT_EQ(testing::count_type(graph, "Cast"), 0u);
  EXPECT_EQ(type_at(graph, "again"), DataType::kInt64);
}

}  // namespace
}  // namespace tendon
