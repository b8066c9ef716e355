// Which layers become INT8, and that the placed nodes compute what they stand for.
#include "quant/quantize.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ir/check.h"
#include "quant/exact_images.h"
#include "support/files.h"
#include "support/operators.h"
#include "support/rewrites.h"

namespace tendon {
namespace {

using testing::expect_error;
using testing::GraphBuilder;
using ::testing::HasSubstr;
using testing::random_tensor;
using testing::run_reference;
using ::testing::UnorderedElementsAre;

/// Ranges of every float value, from running the graph on its own random inputs.
Ranges observed_ranges(Graph graph) {
  std::vector<ValueId> outputs;
  for (const Node& node : graph.nodes()) outputs.push_back(node.outputs[0]);
  graph.set_outputs(outputs);
  const TensorMap inputs = testing::random_inputs(graph);
  TensorMap values = run_reference(graph, inputs);
  values.insert(inputs.begin(), inputs.end());
  Ranges ranges;
  for (const auto& [name, tensor] : values) {
    TensorRange range;
    for (const double value : to_doubles(tensor)) {
      range.amax = std::max(range.amax, std::abs(value));
    }
    ranges[name] = range;
  }
  return ranges;
}

Conv padded() {
  Conv conv;
  conv.pads = {1, 1, 1, 1};
  return conv;
}

/// Two convolutions with a residual around them, and a third that makes the output.
Graph residual_network() {
  GraphBuilder b;
  const ValueId x = b.input("x", {1, 16, 6, 6});
  const auto weight = [&] { return b.random_constant({16, 16, 3, 3}); };
  const ValueId first =
      b.node(kRelu, {b.node(padded(), {x, weight(), b.random_constant({16})}, "a")}, "relu_a");
  const ValueId second = b.node(padded(), {first, weight()}, "b");
  const ValueId sum = b.node(kRelu, {b.node(kAdd, {second, first}, "sum")}, "relu_sum");
  b.output(b.node(padded(), {sum, weight()}, "c"));
  return b.done();
}

TEST(QuantizationPlan, KeepsWhatMakesAnOutput) {
  const Graph graph = residual_network();
  const QuantizationPlan plan = plan_quantization(graph, {.ranges = observed_ranges(graph)});
  EXPECT_THAT(plan.int8_layers, UnorderedElementsAre("a", "b"));
  EXPECT_THAT(plan.kept.at("c"), HasSubstr("makes an output"));
}

TEST(QuantizationPlan, SaysWhichRangeIsMissing) {
  const Graph graph = residual_network();
  QuantizationRequest request{.ranges = observed_ranges(graph)};
  const std::string name = graph.value(graph.node(0).inputs[0]).name;
  request.ranges.erase(name);
  EXPECT_THAT(plan_quantization(graph, request).kept.at("a"),
              HasSubstr("Missing scale and zero-point for tensor " + name));
}

TEST(QuantizationPlan, AConstantValueIsNotQuantized) {
  const Graph graph = residual_network();
  QuantizationRequest request{.ranges = observed_ranges(graph)};
  request.ranges["x"] = {.amax = 1, .min = 0, .max = 0, .channel_mean = std::vector<double>(16)};
  EXPECT_THAT(plan_quantization(graph, request).kept.at("a"),
              HasSubstr("was 0 in every calibration frame"));
}

TEST(QuantizationPlan, OverridesWinByPattern) {
  const Graph graph = residual_network();
  QuantizationRequest request{.ranges = observed_ranges(graph)};
  request.overrides = {{"c", DataType::kInt8}, {"b*", DataType::kFloat32}};
  const QuantizationPlan plan = plan_quantization(graph, request);
  EXPECT_THAT(plan.int8_layers, UnorderedElementsAre("a", "c"));
  EXPECT_THAT(plan.kept.at("b"), HasSubstr("asked for: float32"));
  request.overrides = {{"nothing*", DataType::kInt8}};
  expect_error(ErrorKind::kUsage, {"'nothing*'", "no layer with weights"},
               [&] { plan_quantization(graph, request); });
  request.overrides = {{"a", DataType::kInt64}};
  expect_error(ErrorKind::kUsage, {"found int64", "expected int8"},
               [&] { plan_quantization(graph, request); });
}

/// q from constants, k and v from x by products: a decoder's cross-attention.
TEST(QuantizationPlan, KeepsADecoder) {
  GraphBuilder b;
  const ValueId x = b.input("x", {1, 32, 64});
  const auto product = [&](ValueId value, const Shape& weight, const std::string& name) {
    return b.node(MatMul{}, {value, b.random_constant(weight)}, name);
  };
  const ValueId encoded = b.node(kRelu, {product(x, {64, 64}, "encoder")}, "relu");
  const ValueId keys = product(encoded, {64, 64}, "keys");
  const ValueId values = product(encoded, {64, 64}, "values");
  const ValueId turned = b.node(Transpose{.perm = {0, 2, 1}}, {keys}, "turned");
  const ValueId scores = b.node(MatMul{}, {b.random_constant({1, 20, 64}), turned}, "scores");
  const ValueId attended = b.node(MatMul{}, {b.node(Softmax{}, {scores}, "softmax"), values}, "pv");
  const ValueId hidden = b.node(kRelu, {product(attended, {64, 64}, "linear1")}, "relu1");
  b.output(product(hidden, {64, 64}, "linear2"));
  const Graph graph = b.done();
  const QuantizationPlan plan = plan_quantization(graph, {.ranges = observed_ranges(graph)});
  EXPECT_THAT(plan.int8_layers, UnorderedElementsAre("encoder"));
  for (const char* name : {"keys", "values", "linear1"}) {
    EXPECT_THAT(plan.kept.at(name), HasSubstr("decoder")) << name;
  }
}

// rewrite Conv(x, w) -> Conv(DQ(Q(x)), DQ(codes)), and the residual through codes too
TEST(Quantize, TheGraphStaysCloseAndSound) {
  const Graph before = residual_network();
  const QuantizationRequest request{.ranges = observed_ranges(before)};
  const QuantizationPlan plan = plan_quantization(before, request);
  Graph after = before;
  quantize(after, request, plan);
  ASSERT_NO_THROW(check(after));
  EXPECT_EQ(testing::count_nodes<QuantizeLinear>(after), 2u);    // x and relu_a, used twice
  EXPECT_EQ(testing::count_nodes<DequantizeLinear>(after), 4u);  // those and two weights
  const TensorMap inputs = testing::random_inputs(before);
  const Tensor exact = run_reference(before, inputs).begin()->second;
  const Tensor rounded = run_reference(after, inputs).begin()->second;
  double largest = 0;
  for (const double value : to_doubles(exact)) largest = std::max(largest, std::abs(value));
  const double difference = testing::max_abs_difference(exact, rounded);
  EXPECT_GT(difference, 0);
  EXPECT_LT(difference, 0.03 * largest);
}

// The mean error that rounding the weight causes is gone where the input is its mean.
TEST(Quantize, BiasCorrectionTakesTheMeanErrorAway) {
  GraphBuilder b;
  const ValueId x = b.input("x", {32, 64});
  const ValueId y = b.node(MatMul{}, {x, b.random_constant({64, 32})}, "product");
  const ValueId biased = b.node(kAdd, {y, b.random_constant({32})}, "bias");
  b.output(
      b.node(MatMul{}, {b.node(kRelu, {biased}, "relu"), b.random_constant({32, 32})}, "head"));
  const Graph before = b.done();
  QuantizationRequest request{.weight_limit = 7};
  std::vector<double> means(64);
  for (size_t i = 0; i < means.size(); ++i) means[i] = 0.1 * static_cast<double>(i % 7) + 0.3;
  request.ranges["x"] = {.amax = 1.27, .channel_mean = means};
  const QuantizationPlan plan{.int8_layers = {"product"}};
  Graph corrected = before;
  quantize(corrected, request, plan);
  request.ranges["x"].channel_mean.clear();
  Graph plain = before;
  quantize(plain, request, plan);
  std::vector<float> row;
  for (int i = 0; i < 32; ++i) row.insert(row.end(), means.begin(), means.end());
  const TensorMap inputs{{"x", Tensor::from<float>({32, 64}, row)}};
  const TensorMap exact = run_reference(before, inputs);
  const double with = testing::max_abs_difference(exact, run_reference(corrected, inputs));
  const double without = testing::max_abs_difference(exact, run_reference(plain, inputs));
  EXPECT_LT(with, 0.1 * without);
}

// rewrite frames -> Sub(mean) -> Conv   ->   frames -> Sub(128/255) -> Concat(1) -> Conv
TEST(ExactImages, FramesEnterWithoutAnErrorBordersIncluded) {
  GraphBuilder b;
  const ValueId image = b.input("image", {2, 3, 6, 8});
  const Tensor mean = Tensor::from<float>({1, 3, 1, 1}, {0.485f, 0.456f, 0.406f});
  const ValueId offset = b.node(Binary{BinaryKind::kSub}, {image, b.constant(mean)}, "normalize");
  b.output(b.node(padded(), {offset, b.random_constant({16, 3, 3, 3}), b.random_constant({16})},
                  "stem"));
  const Graph before = b.done();
  Ranges ranges;
  ranges["image"] = {.amax = 1, .min = 0, .max = 1, .byte_exact = true};
  Graph after = before;
  ASSERT_EQ(exact_images(after, ranges), 1);
  ASSERT_NO_THROW(check(after));
  std::vector<float> pixels(288);
  for (size_t i = 0; i < pixels.size(); ++i) pixels[i] = static_cast<float>(i * 37 % 256) / 255;
  const TensorMap inputs{{"image", Tensor::from<float>({2, 3, 6, 8}, pixels)}};
  const TensorMap exact = run_reference(before, inputs);
  EXPECT_LE(testing::max_abs_difference(exact, run_reference(after, inputs)), 2e-6);

  // Only the weight's rounding is left once the image is quantized.
  const Node& stem = *after.producer(after.outputs()[0]);
  const TensorRange& range = ranges.at(after.value(stem.inputs[0]).name);
  EXPECT_FLOAT_EQ(static_cast<float>(range.amax / 127), 1.0f / 255);
  Graph coded = after;
  GraphEdit edit(coded);
  const ValueId scale =
      edit.add_constant(Tensor::scalar(static_cast<float>(range.amax / 127)), "s");
  const ValueId zero = edit.add_constant(Tensor::scalar<int8_t>(0), "z");
  const ValueId codes = edit.add_node(QuantizeLinear{}, {stem.inputs[0], scale, zero}, "q");
  edit.set_input(coded.value(coded.outputs()[0]).producer, 0,
                 edit.add_node(DequantizeLinear{}, {codes, scale, zero}, "dq"));
  edit.apply();
  EXPECT_LE(testing::max_abs_difference(exact, run_reference(coded, inputs)), 2e-6);
}

/// Camera frames, uint8 and channels last, as planes minus a mean; `factor` may stand in between.
Graph stem_on_bytes(std::optional<BinaryKind> kind, float factor, float mean_unit) {
  GraphBuilder b;
  const ValueId bytes = b.input("bytes", {1, 2, 6, 8, 3}, DataType::kUInt8);
  ValueId x = b.node(Transpose{.perm = {0, 1, 4, 2, 3}}, {bytes});
  x = b.node(Cast{.to = DataType::kFloat32}, {x}, "pixels");
  if (kind) x = b.node(Binary{*kind}, {x, b.constant(Tensor::scalar(factor))}, "unit");
  const Tensor mean = Tensor::from<float>(
      {1, 1, 3, 1, 1}, {0.485f * mean_unit, 0.456f * mean_unit, 0.406f * mean_unit});
  x = b.node(Binary{BinaryKind::kSub}, {x, b.constant(mean)}, "centred");
  x = b.node(Reshape{}, {x, b.ints({2, 3, 6, 8})});
  Tensor weight = random_tensor({16, 3, 3, 3}, 7);
  for (float& value : weight.mutable_data<float>()) value /= mean_unit;
  b.output(b.node(padded(), {x, b.constant(weight), b.random_constant({16})}, "stem"));
  return b.done();
}

// rewrite bytes -> Cast -> Div(255) -> Sub(mean) -> Conv  ->  bytes -> Cast -> Sub(128) ->
//         Concat(127) -> Conv
TEST(ExactImages, BytesNeedNoCalibration) {
  const Graph cases[] = {stem_on_bytes(BinaryKind::kDiv, 255, 1),
                         stem_on_bytes(BinaryKind::kMul, 1.0f / 255, 1),
                         stem_on_bytes(std::nullopt, 1, 255)};
  Tensor pixels(DataType::kUInt8, {1, 2, 6, 8, 3});
  int next = 0;
  for (uint8_t& pixel : pixels.mutable_data<uint8_t>()) {
    pixel = static_cast<uint8_t>(next++ * 37 % 256);
  }
  const TensorMap inputs{{"bytes", pixels}};
  for (const Graph& before : cases) {
    Ranges ranges;
    ranges["centred"] = {.amax = 1, .channel_mean = {0.1, 0.2, 0.3}};
    Graph after = before;
    ASSERT_EQ(exact_images(after, ranges), 1);
    ASSERT_NO_THROW(check(after));
    EXPECT_LE(
        testing::max_abs_difference(run_reference(before, inputs), run_reference(after, inputs)),
        2e-6);
    const Node& stem = *after.producer(after.outputs()[0]);
    EXPECT_EQ(ranges.at(after.value(stem.inputs[0]).name).amax, 127);
    EXPECT_EQ(testing::count_type(after, "Div") + testing::count_type(after, "Mul"), 0u);
  }
}

TEST(ExactImages, OtherInputsStayAsTheyAre) {
  GraphBuilder b;
  const ValueId image = b.input("image", {2, 3, 6, 8});
  const Tensor mean = Tensor::from<float>({1, 3, 1, 1}, {0.485f, 0.456f, 0.406f});
  const ValueId offset = b.node(Binary{BinaryKind::kSub}, {image, b.constant(mean)}, "normalize");
  b.output(b.node(padded(), {offset, b.random_constant({16, 3, 3, 3})}, "stem"));
  Graph graph = b.done();
  Ranges ranges;
  ranges["image"] = {.amax = 1, .min = 0, .max = 1};
  EXPECT_EQ(exact_images(graph, ranges), 0);
}

}  // namespace
}  // namespace tendon
