// The Q/DQ form of each runtime, on a residual block and on matrix products.
#include "quant/dialect.h"

#include <gmock/gmock.h>

#include <cmath>

#include "ir/check.h"
#include "ops/elements.h"
#include "passes/quantized.h"
#include "quant/explicit_precision.h"
#include "quant/quantize.h"
#include "support/files.h"
#include "support/graphs.h"
#include "support/operators.h"

namespace tendon {
namespace {

using testing::count_nodes;
using testing::expect_error;
using testing::GraphBuilder;
using ::testing::HasSubstr;
using testing::run_reference;

Conv conv3x3() {
  Conv conv;
  conv.pads = {1, 1, 1, 1};
  return conv;
}

/// x -> conv0 -> Relu -> a -> conv1 -> Relu -> b -> conv2 -> (+ a) -> Relu -> c -> conv3 -> y
struct Block {
  GraphBuilder b;

  Graph done() {
    const ValueId x = b.input("x", {1, 4, 6, 6});
    const ValueId a = layer(x, "conv0", true);
    const ValueId inner = layer(layer(a, "conv1", true), "conv2", false);
    const ValueId c = b.node(kRelu, {b.node(kAdd, {inner, a}, "sum")}, "c");
    b.output(layer(c, "conv3", false));
    return b.done();
  }

 private:
  ValueId layer(ValueId x, const std::string& name, bool relu) {
    const ValueId w = b.random_constant({4, 4, 3, 3}, name + ".w");
    const ValueId y = b.node(conv3x3(), {x, w, b.random_constant({4}, name + ".b")}, name);
    return relu ? b.node(kRelu, {y}, name + ".relu") : y;
  }
};

/// Ranges of what calibration looks at: everything but the sum's first operand.
Ranges ranges_of(const Graph& graph, const std::set<std::string>& unknown) {
  Graph all = graph;
  std::vector<ValueId> outputs;
  for (const Node& node : graph.nodes()) outputs.push_back(node.outputs[0]);
  all.set_outputs(outputs);
  const TensorMap inputs = testing::random_inputs(graph);
  TensorMap values = run_reference(all, inputs);
  values.insert(inputs.begin(), inputs.end());
  Ranges ranges;
  for (const auto& [name, tensor] : values) {
    if (unknown.contains(name)) continue;
    TensorRange& range = ranges[name];
    for (const double value : to_doubles(tensor)) {
      range.amax = std::max(range.amax, std::abs(value));
    }
  }
  return ranges;
}

Graph in_dialect(Graph graph, std::string_view name) {
  QuantizationRequest request{.ranges = ranges_of(graph, {"conv2"})};
  request.overrides["*"] = DataType::kInt8;
  const Dialect& dialect = name.empty() ? kEngineDialect : dialect_from_name(name);
  return make_precision_explicit(std::move(graph), request, dialect).graph;
}

const Node& node_named(const Graph& graph, std::string_view name) {
  for (const Node& node : graph.nodes()) {
    if (node.alive && node.name == name) return node;
  }
  throw std::runtime_error("no node " + std::string(name));
}

bool is_dequantized(const Graph& graph, ValueId id) {
  return graph.producer_op<DequantizeLinear>(id) != nullptr;
}

int64_t zero_point_of(const Graph& graph, const Node& quantize) {
  return to_int64s(*graph.value(quantize.inputs[2]).constant)[0];
}

// x -> Q -> DQ -> a, b becomes two pairs; all codes are int8 around 0; biases stay float.
TEST(Dialect, TensorRtHasSignedCodesAndAPairForEachReader) {
  const Graph graph = in_dialect(Block().done(), "trt");
  for (const Node& node : graph.nodes()) {
    if (std::holds_alternative<QuantizeLinear>(node.op)) {
      EXPECT_EQ(graph.type(node.outputs[0]).dtype, DataType::kInt8) << node.name;
      EXPECT_EQ(zero_point_of(graph, node), 0) << node.name;
      EXPECT_EQ(graph.use_count(node.outputs[0]), 1u) << node.name;
    } else if (std::holds_alternative<DequantizeLinear>(node.op)) {
      EXPECT_EQ(graph.use_count(node.outputs[0]), 1u) << node.name;
    } else if (std::holds_alternative<Conv>(node.op)) {
      EXPECT_TRUE(graph.is_constant(node.inputs[2])) << node.name;
    }
  }
  // x, a for conv1, a for the sum, b, c.
  EXPECT_EQ(count_nodes<QuantizeLinear>(graph), 5u);
}

// The sum's other operand comes from codes; the convolution feeds it as it is.
TEST(Dialect, TensorRtFusesTheResidual) {
  const Graph graph = in_dialect(Block().done(), "trt");
  const Node& sum = *graph.producer(node_named(graph, "c").inputs[0]);
  EXPECT_NE(graph.producer_op<Conv>(sum.inputs[0]), nullptr);
  EXPECT_TRUE(is_dequantized(graph, sum.inputs[1]));
}

// DQ -> Conv -> Relu -> Q, DQ + DQ -> Add -> Relu -> Q, all uint8.
TEST(Dialect, OnnxRuntimeHasGroups) {
  const Graph graph = in_dialect(Block().done(), "ort");
  for (const Node& node : graph.nodes()) {
    if (std::holds_alternative<QuantizeLinear>(node.op)) {
      EXPECT_EQ(graph.type(node.outputs[0]).dtype, DataType::kUInt8) << node.name;
      const bool relu = graph.producer_op<Unary>(node.inputs[0]) != nullptr;
      EXPECT_EQ(zero_point_of(graph, node), relu ? 0 : 128) << node.name;
      EXPECT_EQ(graph.use_count(node.inputs[0]), 1u) << node.name << ": others read the codes";
    } else if (std::holds_alternative<Conv>(node.op)) {
      for (const ValueId input : node.inputs) EXPECT_TRUE(is_dequantized(graph, input));
    }
  }
  const Node& sum = *graph.producer(node_named(graph, "c").inputs[0]);
  EXPECT_TRUE(is_dequantized(graph, sum.inputs[0]));
  EXPECT_TRUE(is_dequantized(graph, sum.inputs[1]));
  EXPECT_EQ(count_nodes<QuantizeLinear>(graph), 5u);  // x, a, b, conv2, c
}

TEST(Dialect, OnnxRuntimeBiasesAreIntegersOfTheProductsScale) {
  const Graph graph = in_dialect(Block().done(), "ort");
  const Node& conv = node_named(graph, "conv1");
  const Node& bias = *graph.producer(conv.inputs[2]);
  EXPECT_EQ(graph.type(bias.inputs[0]).dtype, DataType::kInt32);
  const auto x = to_doubles(*graph.value(graph.producer(conv.inputs[0])->inputs[1]).constant);
  const auto w = to_doubles(*graph.value(graph.producer(conv.inputs[1])->inputs[1]).constant);
  const auto b = to_doubles(*graph.value(bias.inputs[1]).constant);
  ASSERT_EQ(b.size(), 4u);
  for (size_t k = 0; k < b.size(); ++k) EXPECT_NEAR(b[k], x[0] * w[k], 1e-6 * b[k]);
}

// A channel whose weights are next to nothing has a scale under which its bias would not fit int32.
TEST(Dialect, OnnxRuntimeBiasOfADeadChannelFits) {
  GraphBuilder b;
  Tensor weight = testing::random_tensor({4, 4, 1, 1});
  for (int i = 0; i < 4; ++i) weight.mutable_data<float>()[i] = 1e-20f;
  const ValueId w = b.constant(weight, "w");
  const ValueId bias = b.constant(Tensor::from<float>({4}, {0.5f, 0.25f, -1.0f, 2.0f}), "b");
  const ValueId y = b.node(Conv{}, {b.input("x", {1, 4, 5, 5}), w, bias}, "conv");
  b.output(b.node(Unary::of(UnaryKind::kTanh), {b.node(kRelu, {y}, "relu")}, "y"));
  const Graph before = b.done();
  const Graph graph = in_dialect(before, "ort");
  const Node& read = *graph.producer(node_named(graph, "conv").inputs[2]);
  const double found = to_doubles(
      reference(read.op, std::vector<Tensor>{*graph.value(read.inputs[0]).constant,
                                             *graph.value(read.inputs[1]).constant,
                                             *graph.value(read.inputs[2]).constant})[0])[0];
  EXPECT_NEAR(found, 0.5, 1e-6);
  const TensorMap inputs = testing::random_inputs(before);
  EXPECT_LE(
      testing::max_abs_difference(run_reference(before, inputs), run_reference(graph, inputs)),
      0.05);
}

TEST(Dialect, OnnxRuntimeLeavesAConvolutionThatMakesAnOutput) {
  const Graph graph = in_dialect(Block().done(), "ort");
  EXPECT_NE(graph.producer_op<Conv>(graph.outputs()[0]), nullptr);
}

// conv -> Relu -> MaxPool -> conv: both sides of the pool have one scale, so that it runs on codes.
TEST(Dialect, OnnxRuntimePoolsCodes) {
  GraphBuilder b;
  const ValueId x = b.input("x", {1, 4, 6, 6});
  const ValueId y = b.node(conv3x3(), {x, b.random_constant({4, 4, 3, 3})}, "first");
  MaxPool pool;
  pool.kernel_shape = {2, 2};
  const ValueId pooled = b.node(pool, {b.node(kRelu, {y}, "relu")}, "pool");
  b.output(b.node(conv3x3(), {pooled, b.random_constant({4, 4, 3, 3})}, "second"));
  const Graph graph = in_dialect(b.done(), "ort");
  const Node& moved = node_named(graph, "pool");
  const Node* before = graph.producer(moved.inputs[0]);
  ASSERT_NE(before, nullptr);
  ASSERT_TRUE(std::holds_alternative<DequantizeLinear>(before->op));
  const auto after = sole_quantizer(graph, moved.outputs[0]);
  ASSERT_TRUE(after.has_value());
  EXPECT_EQ(to_doubles(*graph.value(before->inputs[1]).constant)[0],
            static_cast<double>(after->scale));
}

// x -> Q -> DQ -> MatMul -> Add -> float: products need no quantizer behind them.
TEST(Dialect, OnnxRuntimeProductsGiveFloats) {
  GraphBuilder b;
  const ValueId x = b.input("x", {1, 5, 8});
  const ValueId y = b.node(MatMul{}, {x, b.random_constant({8, 8})}, "product");
  b.output(b.node(LayerNormalization{},
                  {b.node(kAdd, {y, b.random_constant({8})}, "biased"), b.random_constant({8})}));
  const Graph graph = in_dialect(b.done(), "ort");
  const Node& product = node_named(graph, "product");
  EXPECT_TRUE(is_dequantized(graph, product.inputs[0]));
  EXPECT_TRUE(is_dequantized(graph, product.inputs[1]));
  EXPECT_TRUE(is_dequantized(graph, node_named(graph, "biased").inputs[1]));
  EXPECT_EQ(count_nodes<QuantizeLinear>(graph), 1u);
}

TEST(Dialect, OpenVinoHasTheEnginesForm) {
  const Graph graph = in_dialect(Block().done(), "openvino");
  const Graph engine = in_dialect(Block().done(), "");
  ASSERT_EQ(graph.nodes().size(), engine.nodes().size());
  const TensorMap inputs = testing::random_inputs(engine);
  EXPECT_EQ(
      testing::max_abs_difference(run_reference(graph, inputs), run_reference(engine, inputs)), 0);
}

// All forms compute the block as well as 8 bits can.
TEST(Dialect, AllComputeTheSame) {
  const Graph before = Block().done();
  const TensorMap inputs = testing::random_inputs(before);
  const TensorMap exact = run_reference(before, inputs);
  double largest = 0;
  for (const double value : to_doubles(exact.begin()->second)) {
    largest = std::max(largest, std::abs(value));
  }
  for (const Dialect& dialect : dialect_table()) {
    const Graph graph = in_dialect(before, dialect.name);
    EXPECT_LE(testing::max_abs_difference(exact, run_reference(graph, inputs)), 0.03 * largest)
        << dialect.name;
  }
}

TEST(Dialect, UnknownNamesAreRefused) {
  expect_error(ErrorKind::kUsage, {"'coreml'", "trt, ort, openvino"},
               [] { dialect_from_name("coreml"); });
}

TEST(ExplicitPrecision, AModelThatCarriesItIsRefused) {
  expect_error(ErrorKind::kUnsupported, {"carries QuantizeLinear", "already"}, [] {
    make_precision_explicit(in_dialect(Block().done(), "trt"), {}, dialect_table()[0]);
  });
}

TEST(ExplicitPrecision, NothingToQuantizeIsRefusedWithTheReasons) {
  expect_error(ErrorKind::kUnsupported, {"no layer can be INT8", "'conv1'", "Missing scale"},
               [] { make_precision_explicit(Block().done(), {}, dialect_table()[0]); });
}

}  // namespace
}  // namespace tendon
