// What float16 does to single layers: healthy ones, tiny values, tiny weights, and what overflows.
#include "engine/half_error.h"

#include <gmock/gmock.h>

#include "backends/reference/reference.h"
#include "backends/registry.h"
#include "support/graphs.h"

namespace tendon {
namespace {

using testing::GraphBuilder;

/// Of values of usual size, in a product: inputs, weights and results each have half a unit of
/// 2^-11 at most.
constexpr double kHealthy = 0x1p-10;

Tensor times(Tensor tensor, float factor) {
  for (float& x : tensor.mutable_data<float>()) x *= factor;
  return tensor;
}

std::vector<HalfLayer> all_layers(const Graph& graph) {
  std::vector<HalfLayer> layers;
  for (const NodeId id : graph.topological_order()) {
    layers.push_back({id, {}});
    for (size_t i = 0; i < graph.node(id).inputs.size(); ++i) {
      const ValueId input = graph.node(id).inputs[i];
      if (input == kNone || graph.type(input).dtype != DataType::kFloat32) continue;
      layers.back().inputs.push_back(i);
    }
  }
  return layers;
}

std::map<std::string, double> errors_of(const Graph& graph, std::vector<TensorMap> frames,
                                        std::string_view device = "cpu") {
  const auto backends = backends_for_device(device);
  std::map<std::string, double> errors;
  for (const auto& [id, error] : half_errors(graph, all_layers(graph), frames, backends, 1)) {
    errors[graph.node(id).name] = error;
  }
  return errors;
}

/// x -> product -> * factor -> Reshape -> / factor -> product -> y
Graph chain(float factor, float weights = 1) {
  GraphBuilder b;
  const ValueId x = b.input("x", {4, 32});
  const Tensor w1 = times(testing::random_tensor({32, 16}, 2), weights);
  const ValueId first = b.node(FusedMatMul{}, {x, b.constant(w1)}, "first");
  const ValueId scaled =
      b.node(Binary{BinaryKind::kMul}, {first, b.constant(Tensor::scalar(factor))}, "scale");
  const ValueId flat = b.node(Reshape{}, {scaled, b.ints({2, 2, 16})}, "view");
  const ValueId back =
      b.node(Binary{BinaryKind::kDiv}, {flat, b.constant(Tensor::scalar(factor))}, "back");
  b.output(b.node(FusedMatMul{}, {back, b.random_constant({16, 8})}, "second"));
  return b.done();
}

TEST(HalfErrors, OfHealthyLayersAreAboutOneRounding) {
  const Graph graph = chain(0.5F);
  for (const char* device : {"cpu", "reference"}) {
    const auto errors = errors_of(graph, {testing::random_inputs(graph)}, device);
    ASSERT_EQ(errors.size(), 5u);
    for (const auto& [layer, error] : errors) {
      EXPECT_LT(error, kHealthy) << layer;
      EXPECT_GT(error, 0x1p-14) << layer;
    }
  }
}

TEST(HalfErrors, TinyValuesLoseTheirDigitsInWhatMakesAndReadsThem) {
  const Graph graph = chain(1e-6F);
  const auto errors = errors_of(graph, {testing::random_inputs(graph)});
  for (const char* layer : {"scale", "view", "back"}) EXPECT_GT(errors.at(layer), 2e-3) << layer;
  for (const char* layer : {"first", "second"}) EXPECT_LT(errors.at(layer), kHealthy) << layer;
}

TEST(HalfErrors, TinyWeightsHarmTheirLayerAlone) {
  Graph graph = chain(1, 2e-8F);
  const auto errors = errors_of(graph, {{{"x", times(testing::random_tensor({4, 32}), 1e4F)}}});
  EXPECT_GT(errors.at("first"), 0.1);
  EXPECT_LT(errors.at("second"), kHealthy);
}

TEST(HalfErrors, BeyondTheRangeTheyAreInfinite) {
  const Graph graph = chain(1e5F);
  const auto errors = errors_of(graph, {testing::random_inputs(graph)});
  EXPECT_EQ(errors.at("scale"), std::numeric_limits<double>::infinity());
  EXPECT_EQ(errors.at("back"), std::numeric_limits<double>::infinity()) << "reads them";
  EXPECT_LT(errors.at("second"), kHealthy);
}

TEST(HalfErrors, WhatAMaskLeavesOutIsNotCounted) {
  GraphBuilder b;
  const ValueId x = b.input("x", {1, 4});
  const float inf = std::numeric_limits<float>::infinity();
  const ValueId mask = b.constant(Tensor::from<float>({1, 4}, {0, -inf, 0, -inf}));
  const ValueId masked = b.node(Binary{BinaryKind::kAdd}, {x, mask}, "masked");
  b.output(b.node(Softmax{}, {masked}, "softmax"));
  const Graph graph = b.done();
  for (const auto& [layer, error] : errors_of(graph, {testing::random_inputs(graph)})) {
    EXPECT_LT(error, kHealthy) << layer;
  }
}

TEST(HalfErrors, OperatorsOfGpusAreMeasuredByTheirHalves) {
  for (const DataType codes : {DataType::kFloat32, DataType::kInt8}) {
    GraphBuilder b;
    NormalizedMatMul op;
    op.codes_dtype = codes;
    op.codes_scale = 0.05F;
    const bool makes_codes = codes == DataType::kInt8;
    const std::vector<ValueId> y =
        b.node(op,
               {b.input("x", {3, 32}), b.random_constant({32, 16}), b.random_constant({16}),
                b.input("longer", {3, 20}), b.random_constant({16})},
               makes_codes ? 2 : 1, "norm");
    for (const ValueId id : y) b.output(id);
    const Graph graph = b.done();
    const double error = errors_of(graph, {testing::random_inputs(graph)}).at("norm");
    EXPECT_LT(error, kHealthy);
    EXPECT_GT(error, 0x1p-13);
  }
}

TEST(HalfErrors, FramesFillABatchAndMustFit) {
  const Graph graph = chain(0.5F);
  std::vector<TensorMap> frames;
  for (uint64_t seed = 1; seed < 4; ++seed) {
    frames.push_back({{"x", testing::random_tensor({1, 32}, seed)}});
  }
  EXPECT_EQ(errors_of(graph, frames).size(), 5u);
  EXPECT_TRUE(errors_of(graph, {{{"x", testing::random_tensor({1, 31})}}}).empty());
  EXPECT_TRUE(errors_of(graph, {{{"z", testing::random_tensor({4, 32})}}}).empty());
  EXPECT_TRUE(errors_of(graph, {}).empty());
}

}  // namespace
}  // namespace tendon
