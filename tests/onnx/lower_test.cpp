// Operators that an older opset lacks are written in those that it has.
#include <gtest/gtest.h>

#include "onnx/exporter.h"
#include "onnx/importer.h"
#include "support/files.h"
#include "support/graphs.h"
#include "support/onnx_builder.h"

namespace tendon {
namespace {

using testing::as_bytes;
using testing::count_nodes;
using testing::count_type;
using testing::expect_error;
using testing::GraphBuilder;
using testing::max_abs_difference;
using testing::random_inputs;
using testing::run_reference;

Graph written_at(const Graph& graph, int opset) {
  const std::string text = onnx_bytes_from_graph(graph, {.opset = opset});
  Graph read = graph_from_onnx_bytes(as_bytes(text), "written");
  bind_inputs(read, {});
  return read;
}

Graph norm_graph(int64_t axis, bool bias) {
  GraphBuilder b;
  const ValueId x = b.input("x", {2, 3, 4});
  const Shape shape = axis == -1 || axis == 2 ? Shape{4} : Shape{3, 4};
  std::vector<ValueId> inputs{x, b.random_constant(shape, "scale")};
  if (bias) inputs.push_back(b.random_constant(shape, "bias"));
  b.output(b.node(LayerNormalization{.axis = axis, .epsilon = 1e-3F}, inputs, "norm"));
  return b.done();
}

// write LayerNormalization(x, scale, bias) -> (x - mean) / sqrt(mean((x - mean)^2) + e) * scale +
// bias
TEST(Lower, LayerNormalizationBeforeOpset17) {
  for (const int64_t axis : {-1, 2, 1, -2}) {
    for (const bool bias : {false, true}) {
      const Graph graph = norm_graph(axis, bias);
      const TensorMap inputs = random_inputs(graph);
      for (const int opset : {13, 16}) {
        const Graph read = written_at(graph, opset);
        EXPECT_EQ(count_nodes<LayerNormalization>(read), 0u);
        EXPECT_EQ(count_type(read, "ReduceMean"), 2u);
        EXPECT_LT(max_abs_difference(run_reference(read, inputs), run_reference(graph, inputs)),
                  1e-6)
            << "axis " << axis << ", opset " << opset;
      }
      EXPECT_EQ(count_nodes<LayerNormalization>(written_at(graph, 17)), 1u);
    }
  }
}

// write GroupNormalization(x, scale, bias) -> InstanceNormalization of groups, * scale + bias
TEST(Lower, GroupNormalizationBeforeOpset21) {
  GraphBuilder b;
  const ValueId x = b.input("x", {2, 6, 3, 4});
  b.output(b.node(GroupNormalization{.num_groups = 3, .epsilon = 1e-3F},
                  {x, b.random_constant({6}, "scale"), b.random_constant({6}, "bias")}, "norm"));
  const Graph graph = b.done();
  const TensorMap inputs = random_inputs(graph);
  for (const int opset : {13, 17, 20, 21}) {
    const Graph read = written_at(graph, opset);
    EXPECT_EQ(count_type(read, "GroupNormalization"), opset == 21 ? 1u : 0u);
    EXPECT_LT(max_abs_difference(run_reference(read, inputs), run_reference(graph, inputs)), 1e-6)
        << opset;
  }
}

TEST(Lower, GridSampleHasOlderNamesOfItsModes) {
  GraphBuilder b;
  const ValueId x = b.input("x", {1, 2, 4, 5});
  const ValueId grid = b.input("grid", {1, 3, 3, 2});
  b.output(b.node(GridSample{.mode = "cubic"}, {x, grid}, "sample"));
  const Graph graph = b.done();
  const TensorMap inputs = random_inputs(graph);
  for (const auto& [opset, mode] : {std::pair(16, "bicubic"), std::pair(20, "cubic")}) {
    const Graph read = written_at(graph, opset);
    EXPECT_EQ(std::get<GridSample>(read.nodes()[0].op).mode, mode);
    EXPECT_EQ(run_reference(read, inputs), run_reference(graph, inputs));
  }
}

// write Gelu(x) -> x * (1 + erf(x / sqrt(2))) * 0.5
TEST(Lower, GeluBeforeOpset20) {
  GraphBuilder b;
  b.output(b.node(Unary::of(UnaryKind::kGelu), {b.input("x", {2, 30})}, "gelu"));
  const Graph graph = b.done();
  const TensorMap inputs = random_inputs(graph);
  const Graph read = written_at(graph, 19);
  EXPECT_EQ(count_type(read, "Gelu"), 0u);
  EXPECT_EQ(count_type(read, "Erf"), 1u);
  EXPECT_LT(max_abs_difference(run_reference(read, inputs), run_reference(graph, inputs)), 1e-6);
  EXPECT_EQ(count_type(written_at(graph, 20), "Gelu"), 1u);
}

TEST(Lower, ScalarsHaveTheTypeOfTheData) {
  GraphBuilder b;
  b.output(b.node(Unary::of(UnaryKind::kGelu), {b.input("x", {4}, DataType::kFloat16)}, "gelu"));
  const Graph graph = b.done();
  const Graph read = written_at(graph, 13);
  EXPECT_EQ(read.type(read.outputs()[0]).dtype, DataType::kFloat16);
}

TEST(Lower, WhatHasNoOtherFormIsRefused) {
  GraphBuilder b;
  const ValueId x = b.input("x", {2, 4});
  const auto outputs = b.node(LayerNormalization{}, {x, b.random_constant({4})}, 3, "norm");
  b.output(outputs[0]);
  b.output(outputs[1]);
  const Graph graph = b.done();
  expect_error(ErrorKind::kUnsupported, {"LayerNormalization", "opset 17"},
               [&] { onnx_bytes_from_graph(graph, {.opset = 16}); });
}

TEST(Lower, NamesStayUnique) {
  GraphBuilder b;
  ValueId x = b.input("norm/Sub", {2, 4});
  for (int i = 0; i < 2; ++i) {
    x = b.node(LayerNormalization{}, {x, b.random_constant({4})}, "norm");
  }
  b.output(x);
  const Graph graph = b.done();
  const TensorMap inputs = random_inputs(graph);
  EXPECT_LT(max_abs_difference(run_reference(written_at(graph, 13), inputs).begin()->second,
                               run_reference(graph, inputs).begin()->second),
            1e-6);
}

}  // namespace
}  // namespace tendon
