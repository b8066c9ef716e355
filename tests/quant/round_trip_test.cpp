// Q/DQ files: written, read and built, they give the engine that the ranges themselves give.
#include <gtest/gtest.h>

#include "backends/reference/reference.h"
#include "engine/context.h"
#include "onnx/exporter.h"
#include "onnx/importer.h"
#include "ops/elements.h"
#include "quant/explicit_precision.h"
#include "support/graphs.h"
#include "support/operators.h"

namespace tendon {
namespace {

using testing::GraphBuilder;
using testing::max_abs_difference;

/// Two convolutions with a residual and a product; with `activation` between them.
Graph network(UnaryKind activation) {
  GraphBuilder b;
  Conv conv;
  conv.pads = {1, 1, 1, 1};
  const auto layer = [&](ValueId x, const std::string& name) {
    return b.node(conv, {x, b.random_constant({4, 4, 3, 3}), b.random_constant({4})}, name);
  };
  const Unary act = Unary::of(activation);
  const ValueId x = b.input("x", {1, 4, 6, 6});
  const ValueId a = b.node(act, {layer(x, "first")}, "a");
  const ValueId c = b.node(act, {b.node(kAdd, {layer(a, "second"), a}, "sum")}, "c");
  const ValueId rows = b.node(Reshape{}, {c, b.ints({1, 4, 36})}, "rows");
  const ValueId y = b.node(MatMul{}, {rows, b.random_constant({36, 8})}, "product");
  b.output(b.node(kAdd, {y, b.random_constant({8})}, "y"));
  return b.done();
}

QuantizationRequest request_for(const Graph& graph) {
  QuantizationRequest request;
  for (const Node& node : graph.nodes()) {
    request.ranges[graph.value(node.outputs[0]).name].amax = 3.0;
  }
  request.ranges["x"].amax = 2.5;
  request.overrides["*"] = DataType::kInt8;
  return request;
}

TensorMap outputs_of(const Graph& graph, std::optional<QuantizationRequest> request) {
  Backend* const backends[] = {&reference_backend()};
  BuildConfig config{.device = "reference"};
  config.quantization = std::move(request);
  const auto engine = build_engine(graph, config, backends);
  for (const LayerRecord& layer : engine->layers()) {
    EXPECT_NE(layer.type, "FusedConv");
    EXPECT_NE(layer.type, "FusedMatMul");
  }
  ExecutionContext context(engine);
  return context.infer(testing::random_inputs(graph));
}

TensorMap outputs_of_file(const Graph& graph, std::string_view dialect) {
  const ExplicitGraph made =
      make_precision_explicit(graph, request_for(graph), dialect_from_name(dialect));
  const std::string file = onnx_bytes_from_graph(made.graph);
  const auto bytes = std::as_bytes(std::span(file.data(), file.size()));
  return outputs_of(graph_from_onnx_bytes(bytes, "file.onnx"), std::nullopt);
}

// TensorRT's form has int8 everywhere: where nothing is known to be positive, so has the engine.
TEST(RoundTrip, EqualWhereTheScalesAreEqual) {
  const Graph graph = network(UnaryKind::kTanh);
  const TensorMap expected = outputs_of(graph, request_for(graph));
  EXPECT_EQ(max_abs_difference(outputs_of_file(graph, "trt"), expected), 0);
  EXPECT_EQ(max_abs_difference(outputs_of_file(graph, "openvino"), expected), 0);
}

// After a Relu the engine and OpenVINO have uint8.
TEST(RoundTrip, OpenVinosFormIsTheEngines) {
  const Graph graph = network(UnaryKind::kRelu);
  EXPECT_EQ(
      max_abs_difference(outputs_of_file(graph, "openvino"), outputs_of(graph, request_for(graph))),
      0);
}

// TensorRT's form has half the codes after a Relu.
TEST(RoundTrip, TensorRtsFormIsWithinTwoSteps) {
  const Graph graph = network(UnaryKind::kRelu);
  const TensorMap expected = outputs_of(graph, request_for(graph));
  double largest = 0;
  for (const double value : to_doubles(expected.begin()->second)) {
    largest = std::max(largest, std::abs(value));
  }
  EXPECT_LE(max_abs_difference(outputs_of_file(graph, "trt"), expected), 2 * largest / 127);
}

}  // namespace
}  // namespace tendon
