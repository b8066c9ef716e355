#include "passes/liveness.h"

#include "onnx/importer.h"
#include "support/files.h"
#include "support/rewrites.h"

namespace tendon {
namespace {

using ::testing::ElementsAre;
using testing::GraphBuilder;
using ::testing::IsEmpty;

/// Four layers with names like those of an exporter; the output reads the stack at `chosen`.
Graph layers(int64_t chosen, bool shared_bias) {
  GraphBuilder b;
  ValueId x = b.input("x", {3, 4});
  const ValueId shared = b.random_constant({4}, "shared");
  std::vector<ValueId> outputs;
  for (int layer = 0; layer < 4; ++layer) {
    const std::string place = "/model/decoder/layers." + std::to_string(layer);
    const std::string weight = "w" + std::to_string(layer);
    x = b.node(MatMul{}, {x, b.random_constant({4, 4}, weight)}, place + "/linear/MatMul");
    const ValueId bias = shared_bias ? shared : b.random_constant({4}, "b" + std::to_string(layer));
    x = b.node(Binary{BinaryKind::kAdd}, {x, bias}, place + "/linear/Add");
    outputs.push_back(b.node(Unsqueeze{}, {x, b.ints({0})}));
  }
  const ValueId stack = b.node(Concat{.axis = 0}, outputs);
  b.output(b.node(Gather{}, {stack, b.constant(Tensor::scalar(chosen))}));
  return b.done();
}

std::vector<std::string> names(const UsageReport& report) {
  std::vector<std::string> result;
  for (const UnusedParameter& parameter : report.unused) result.push_back(parameter.name);
  return result;
}

TEST(ParameterUsage, NamesTheLayersThatNeverReachTheOutput) {
  const UsageReport report = parameter_usage(layers(1, false));
  EXPECT_EQ(report.parameters, 80);
  EXPECT_EQ(report.unused_parameters, 40);
  EXPECT_THAT(names(report), ElementsAre("w2", "b2", "w3", "b3"));
  EXPECT_EQ(to_string(report),
            "40 of 80 parameters never reach the output (2 of 4 decoder layers)");
}

TEST(ParameterUsage, TheLastLayerNeedsAll) {
  const UsageReport report = parameter_usage(layers(3, false));
  EXPECT_THAT(report.unused, IsEmpty());
  EXPECT_EQ(to_string(report), "all 80 parameters reach the output");
}

TEST(ParameterUsage, AWeightSharedWithAUsedLayerIsUsed) {
  const UsageReport report = parameter_usage(layers(0, true));
  EXPECT_THAT(names(report), ElementsAre("w1", "w2", "w3"));
  EXPECT_EQ(report.layers.at(0).unused, 3);
}

TEST(ParameterUsage, WeightsBehindOtherWeightsCount) {
  GraphBuilder b;
  const ValueId product =
      b.node(Binary{BinaryKind::kMul}, {b.random_constant({4}, "a"), b.random_constant({4}, "b")});
  b.output(b.node(Binary{BinaryKind::kAdd}, {b.input("x", {4}), product}));
  b.node(Binary{BinaryKind::kAdd}, {product, b.random_constant({4}, "c")});
  EXPECT_THAT(names(parameter_usage(b.done())), ElementsAre("c"));
}

TEST(ParameterUsage, WithoutNumberedNamesThereIsNoGuess) {
  GraphBuilder b;
  const ValueId x = b.input("x", {4});
  b.output(b.node(Unary::of(UnaryKind::kRelu), {x}));
  b.node(Binary{BinaryKind::kAdd}, {x, b.random_constant({4}, "c")}, "head/Add");
  EXPECT_EQ(to_string(parameter_usage(b.done())), "4 of 4 parameters never reach the output");
}

// The figures were found by following the file from its output by hand.
TEST(ParameterUsage, TracedPolicies) {
  struct Case {
    const char* path;
    int64_t unused;
    size_t tensors;
    const char* text;
  };
  const Case cases[] = {
      {"tests/models/act_opset13.onnx", 24768, 24,
       "24.8 k of 79.9 k parameters never reach the output (2 of 3 decoder layers)"},
      {"tests/models/act_opset17.onnx", 24768, 24,
       "24.8 k of 79.9 k parameters never reach the output (2 of 3 decoder layers)"},
      {"tests/models/lerobot_opset17.onnx", 0, 0, "all 56.0 k parameters reach the output"},
      {"examples/transfer_cube/policy.onnx", 1573760, 64,
       "1.6 M of 5.5 M parameters never reach the output (6 of 7 decoder layers)"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.path);
    Graph graph = graph_from_onnx_path(testing::source_path(c.path));
    bind_inputs(graph, {});
    const UsageReport report = parameter_usage(graph);
    EXPECT_EQ(report.unused_parameters, c.unused);
    EXPECT_EQ(report.unused.size(), c.tensors);
    EXPECT_EQ(to_string(report), c.text);
  }
}

}  // namespace
}  // namespace tendon
