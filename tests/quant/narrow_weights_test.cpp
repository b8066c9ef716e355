// Weights rounded to float16 where that changes little, and found again as such.
#include "quant/narrow_weights.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "support/graphs.h"

namespace tendon {
namespace {

using ::testing::ElementsAre;
using testing::GraphBuilder;

Tensor filled(const Shape& shape, float value) {
  Tensor tensor(DataType::kFloat32, shape);
  std::ranges::fill(tensor.mutable_data<float>(), value);
  return tensor;
}

const Tensor& constant(const Graph& graph, std::string_view name) {
  return *graph.value(graph.find_value(name)).constant;
}

TEST(NarrowWeights, RoundsMatricesAndLeavesVectors) {
  GraphBuilder b;
  const ValueId x = b.input("x", {2, 32});
  const ValueId w = b.constant(testing::random_tensor({32, 2048}), "w");
  const ValueId bias = b.constant(testing::random_tensor({2048}), "bias");
  const ValueId product = b.node(MatMul{}, {x, w}, "product");
  b.output(b.node(Binary{BinaryKind::kAdd}, {product, bias}, "sum"));
  Graph graph = b.done();
  const Tensor before = constant(graph, "w");
  const Tensor bias_before = constant(graph, "bias");
  const NarrowedWeights done = narrow_weights(graph);
  graph.compact();
  EXPECT_EQ(done.count, 1);
  EXPECT_TRUE(done.kept.empty());
  const Tensor& after = constant(graph, "w");
  EXPECT_TRUE(exact_float16(after).defined());
  EXPECT_FALSE(exact_float16(before).defined());
  for (int64_t i = 0; i < before.size(); ++i) {
    const float was = before.data<float>()[static_cast<size_t>(i)];
    EXPECT_LE(std::fabs(after.data<float>()[static_cast<size_t>(i)] - was),
              std::fabs(was) * 0x1p-11f + 0x1p-25f);
  }
  EXPECT_EQ(testing::max_abs_difference(constant(graph, "bias"), bias_before), 0);
}

TEST(NarrowWeights, KeepsWhatFloat16DoesNotReach) {
  GraphBuilder b;
  const ValueId x = b.input("x", {2, 32});
  const ValueId large = b.constant(filled({32, 32}, 1e5f), "large");
  const ValueId tiny = b.constant(filled({32, 32}, 1e-7f), "tiny");
  const ValueId first = b.node(MatMul{}, {x, large}, "first");
  b.output(b.node(MatMul{}, {first, tiny}, "second"));
  Graph graph = b.done();
  const NarrowedWeights done = narrow_weights(graph);
  EXPECT_EQ(done.count, 0);
  EXPECT_THAT(done.kept, ElementsAre("large", "tiny"));
  EXPECT_EQ(constant(graph, "large").data<float>()[0], 1e5f);
  EXPECT_EQ(constant(graph, "tiny").data<float>()[0], 1e-7f);
}

TEST(NarrowWeights, EveryElementMustBeAFloat16) {
  EXPECT_TRUE(exact_float16(filled({4}, -0.0f)).defined());
  EXPECT_TRUE(exact_float16(filled({4}, 65504.0f)).defined());
  EXPECT_FALSE(exact_float16(filled({4}, 65505.0f)).defined());
  EXPECT_FALSE(exact_float16(filled({4}, 0.1f)).defined());
}

}  // namespace
}  // namespace tendon
