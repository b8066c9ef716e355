#include "onnx/importer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ir/infer.h"
#include "support/graphs.h"
#include "support/onnx_builder.h"

namespace tendon {
namespace {

using testing::count_type;

TEST(Importer, ReadsTheBundledPolicy) {
  Graph graph = graph_from_onnx_path(TENDON_SOURCE_DIR "/examples/transfer_cube/policy.onnx");
  EXPECT_EQ(count_type(graph, "LayerNormalization"), 36u);
  EXPECT_EQ(count_type(graph, "MatMul"), 113u);
  EXPECT_EQ(count_type(graph, "Softmax"), 18u);
  EXPECT_EQ(count_type(graph, "Gemm"), 20u);
  EXPECT_EQ(count_type(graph, "Conv"), 63u);
  EXPECT_EQ(count_type(graph, "Relu"), 62u);
  EXPECT_EQ(count_type(graph, "Constant"), 0u);
  bind_inputs(graph, {});
  EXPECT_EQ(graph.outputs().size(), 1u);
}

}  // namespace
}  // namespace tendon
