// LayerComparator: layers matched by name, codes led back to values, saturation.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <tendon/compare_layers.h>

#include <cmath>

#include "api/engine_impl.h"
#include "backends/reference/reference.h"
#include "support/files.h"
#include "support/graphs.h"

namespace tendon {
namespace {

using ::testing::ElementsAre;
using testing::expect_error;
using testing::GraphBuilder;

Engine engine_of(const Graph& graph) {
  Backend* const backends[] = {&reference_backend()};
  return engine_from_compiled(build_engine(graph, {.optimise = false}, backends));
}

/// y = negated(tripled(x)).
Engine exact_engine() {
  GraphBuilder b;
  const ValueId x = b.input("x", {1, 4});
  const ValueId tripled =
      b.node(Binary{BinaryKind::kMul}, {x, b.constant(Tensor::scalar(3.0f))}, "tripled");
  b.output(b.node(Unary{UnaryKind::kNeg}, {tripled}, "negated"));
  return engine_of(b.done());
}

/// The same, but "tripled" is 3 x in codes of `scale`, and a layer "restored" leads back.
template <class Code>
Engine quantized_engine(float scale, Code zero_point) {
  GraphBuilder b;
  const ValueId x = b.input("x", {1, 4});
  const ValueId zero = b.constant(Tensor::scalar(zero_point));
  const ValueId codes =
      b.node(QuantizeLinear{}, {x, b.constant(Tensor::scalar(scale / 3)), zero}, "tripled");
  const ValueId restored =
      b.node(DequantizeLinear{}, {codes, b.constant(Tensor::scalar(scale)), zero}, "restored");
  b.output(b.node(Unary{UnaryKind::kNeg}, {restored}, "negated"));
  return engine_of(b.done());
}

LayerComparison compare(const Engine& tested, const std::vector<std::vector<float>>& inputs) {
  LayerComparator comparator({{"fp32", exact_engine()}, {"int8", tested}});
  for (const std::vector<float>& x : inputs) {
    comparator.add({{"x", Tensor::from(Shape{1, 4}, x)}});
  }
  return comparator.finish().at(0);
}

TEST(CompareLayers, EqualEnginesHaveNoNoise) {
  const LayerComparison c = compare(exact_engine(), {{1, 2, 3, 4}, {5, 6, 7, 8}});
  EXPECT_EQ(c.tested, "int8");
  EXPECT_EQ(c.reference, "fp32");
  EXPECT_EQ(c.iterations, 2u);
  ASSERT_EQ(c.layers.size(), 2u);
  EXPECT_EQ(c.layers[0].name, "tripled");
  EXPECT_EQ(c.layers[0].type, "Mul");
  EXPECT_TRUE(std::isinf(c.layers[0].snr_db));
  EXPECT_NEAR(c.layers[1].cosine, 1, 1e-12);
  EXPECT_FALSE(c.layers[0].saturated.has_value());
  EXPECT_TRUE(c.unmatched.empty());
}

TEST(CompareLayers, CodesAreLedBackToValues) {
  std::vector<std::vector<float>> inputs;
  for (int i = 0; i < 20; ++i) {
    const float shift = 0.0123f * static_cast<float>(i);
    inputs.push_back({0.5f + shift, -1 - shift, 2 + shift, 3.9f + shift});
  }
  const LayerComparison c = compare(quantized_engine<int8_t>(0.1f, 0), inputs);
  ASSERT_EQ(c.layers.size(), 2u);
  const LayerDifference& codes = c.layers[0];
  EXPECT_EQ(codes.name, "tripled");
  EXPECT_EQ(codes.dtype, DataType::kInt8);
  // Codes are 0.1 apart, so the noise is 0.1 / sqrt(12) on values of about 7 root mean square.
  EXPECT_NEAR(codes.snr_db, 47.7, 2);
  EXPECT_NEAR(codes.cosine, 1, 1e-4);
  EXPECT_EQ(codes.saturated, 0);
  EXPECT_GT(codes.codes_used, 4.0 / 256);
  EXPECT_NEAR(c.layers[1].snr_db, codes.snr_db, 1) << "the same noise, one layer later";
  EXPECT_THAT(c.unmatched, ElementsAre("restored"));
}

TEST(CompareLayers, SaturatedCodesAreCountedAtBothEnds) {
  const std::vector<std::vector<float>> inputs = {{10, -10, 1, 2}};
  EXPECT_EQ(compare(quantized_engine<int8_t>(0.1f, 0), inputs).layers[0].saturated, 0.5);
  // Zero is code 100, so code 0 stands for a negative value.
  EXPECT_EQ(compare(quantized_engine<uint8_t>(0.1f, 100), inputs).layers[0].saturated, 0.5);
  const std::vector<std::vector<float>> positive = {{0, 100, 1, 2}, {0, 1, 2, 3}};
  EXPECT_EQ(compare(quantized_engine<uint8_t>(0.1f, 0), positive).layers[0].saturated, 1.0 / 8);
}

TEST(CompareLayers, ChannelsMayLieLast) {
  GraphBuilder first;
  const ValueId x = first.input("x", {1, 2, 2, 3});
  first.output(first.node(Unary{UnaryKind::kExp}, {x}, "exp"));
  GraphBuilder last;
  const ValueId y = last.input("x", {1, 2, 2, 3});
  Transpose to_last;
  to_last.perm = {0, 2, 3, 1};
  const ValueId swapped = last.node(to_last, {y}, "swap");
  last.output(last.node(Unary{UnaryKind::kExp}, {swapped}, "exp"));
  LayerComparator comparator({{"a", engine_of(first.done())}, {"b", engine_of(last.done())}});
  comparator.add({{"x", testing::random_tensor({1, 2, 2, 3})}});
  const LayerComparison c = comparator.finish().at(0);
  ASSERT_EQ(c.layers.size(), 1u);
  EXPECT_TRUE(std::isinf(c.layers[0].snr_db));
}

TEST(CompareLayers, NeedsTwoEnginesAndInputs) {
  expect_error(ErrorKind::kUsage, {"1 engine(s) given"}, [] {
    LayerComparator({{"a", exact_engine()}});
  });
  LayerComparator comparator({{"a", exact_engine()}, {"b", exact_engine()}});
  expect_error(ErrorKind::kUsage, {"no inputs"}, [&] { comparator.finish(); });
}

}  // namespace
}  // namespace tendon
