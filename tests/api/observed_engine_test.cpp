// The engine that is watched runs the layers of the plain one, with observers between them.
#include "api/observed_engine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <tendon/loaders.h>

#include <cmath>
#include <set>

#include "api/network_impl.h"
#include "backends/registry.h"
#include "support/graphs.h"

namespace tendon {
namespace {

std::map<std::string, Shape> smallest_shapes(const Network& network) {
  std::map<std::string, Shape> shapes;
  for (const TensorInfo& input : network.inputs()) {
    for (const Axis& axis : input.axes) shapes[input.name].push_back(axis.min);
  }
  return shapes;
}

using Layer = std::pair<std::string, std::string>;

std::vector<Layer> layers_of(const CompiledEngine& engine) {
  std::vector<Layer> layers;
  for (const LayerRecord& layer : engine.layers()) {
    if (layer.type != "Observe") layers.emplace_back(layer.type, layer.kernel);
  }
  std::ranges::sort(layers);
  return layers;
}

class ObservedEngineTest : public ::testing::TestWithParam<const char*> {};

TEST_P(ObservedEngineTest, HasTheLayersOfThePlainEngineAndItsOutputs) {
  const Network network = network_from_onnx_path(TENDON_SOURCE_DIR "/" + std::string(GetParam()));
  const auto shapes = smallest_shapes(network);
  BuildConfig config;
  config.disabled_passes = kNotWhileObserving;
  for (const auto& [name, shape] : shapes) config.profile[name] = {shape, shape, shape};
  const auto plain = build_engine(network.impl().graph, config, backends_for_device("cpu"));
  ObservedEngine observed(network, shapes, "cpu", 0);
  EXPECT_EQ(layers_of(observed.engine()), layers_of(*plain));
  EXPECT_EQ(observed.engine().activation_bytes(), plain->activation_bytes()) << "nothing is copied";

  TensorMap inputs;
  for (const auto& [name, shape] : shapes) inputs[name] = testing::random_tensor(shape);
  const TensorMap* outputs = nullptr;
  EXPECT_EQ(observed.observe_inputs(inputs), "");
  EXPECT_EQ(observed.run(inputs, outputs), "");
  ExecutionContext context(plain);
  EXPECT_EQ(*outputs, context.infer(inputs));
  observed.commit();
  for (const auto& [name, seen] : observed.totals()) {
    EXPECT_GT(seen.count, 0u) << name;
    EXPECT_FALSE(seen.channel_means().empty()) << name;
  }
}

INSTANTIATE_TEST_SUITE_P(Models, ObservedEngineTest,
                         ::testing::Values("tests/models/act_opset13.onnx",
                                           "tests/models/act_opset17.onnx",
                                           "tests/models/lerobot_opset13.onnx",
                                           "tests/models/lerobot_opset17.onnx",
                                           "examples/transfer_cube/policy.onnx"));

// Every convolution and product with weights finds the ranges of what it reads and makes.
TEST_P(ObservedEngineTest, CoversEveryLayerWithWeights) {
  const Network network = network_from_onnx_path(TENDON_SOURCE_DIR "/" + std::string(GetParam()));
  const ObservedEngine observed(network, smallest_shapes(network), "cpu", 0);
  std::set<std::string> known;
  for (const CalibratedValue& value : observed.values()) known.insert(value.name);
  EXPECT_EQ(known.size(), observed.values().size());
  size_t seen = 0;
  const Graph& graph = observed.engine().graph();
  for (const Node& node : graph.nodes()) {
    const bool weighted = (std::holds_alternative<FusedConv>(node.op) ||
                           std::holds_alternative<FusedMatMul>(node.op)) &&
                          graph.is_constant(node.inputs[1]);
    if (!weighted) continue;
    ++seen;
    std::vector<NodeId> readers = graph.value(node.outputs[0]).readers;
    ASSERT_EQ(readers.size(), 1u) << node.name;
    // What the pool leaves stands for what it reads.
    const Node& reader = graph.node(readers[0]);
    if (std::holds_alternative<MaxPool>(reader.op))
      readers = graph.value(reader.outputs[0]).readers;
    EXPECT_TRUE(std::holds_alternative<Observe>(graph.node(readers[0]).op)) << node.name;
  }
  EXPECT_GT(seen, 5u);
}

TEST(ObservedEngine, ABadFrameLeavesNoTrace) {
  const Network network =
      network_from_onnx_path(TENDON_SOURCE_DIR "/tests/models/act_opset17.onnx");
  const auto shapes = smallest_shapes(network);
  ObservedEngine engine(network, shapes, "cpu", 0);
  TensorMap good, bad;
  for (const auto& [name, shape] : shapes) {
    good[name] = testing::random_tensor(shape);
    bad[name] = good[name];
  }
  for (float& x : bad["image"].mutable_data<float>()) x = 1e30f;
  const TensorMap* outputs = nullptr;
  engine.observe_inputs(good);
  engine.run(good, outputs);
  engine.commit();
  const auto before = engine.totals();
  EXPECT_EQ(engine.observe_inputs(bad), "");
  engine.run(bad, outputs);
  engine.discard();
  EXPECT_EQ(engine.totals(), before);
  ObservedEngine other(network, shapes, "cpu", 1);
  other.restore(before, {});
  EXPECT_EQ(other.totals(), before);
}

// Pictures of bytes take a way of their own; an element that is no byte leads back to the other.
TEST(ObservedEngine, PicturesAreCountedTheSameByBytesAndByElements) {
  const Network network =
      network_from_onnx_path(TENDON_SOURCE_DIR "/tests/models/act_opset17.onnx");
  const auto shapes = smallest_shapes(network);
  const auto seen_in = [&](const TensorMap& frame) {
    ObservedEngine engine(network, shapes, "cpu", 0);
    const TensorMap* outputs = nullptr;
    EXPECT_EQ(engine.observe_inputs(frame), "");
    EXPECT_EQ(engine.run(frame, outputs), "");
    engine.commit();
    return engine.totals();
  };
  TensorMap frame;
  for (const auto& [name, shape] : shapes) frame[name] = testing::random_tensor(shape);
  for (float& x : frame["image"].mutable_data<float>()) {
    x = std::round(std::min(std::fabs(x), 1.0f) * 255.0f) / 255.0f;
  }
  const auto by_bytes = seen_in(frame);
  float& first = frame["image"].mutable_data<float>()[0];
  first = std::nextafter(first, 0.5f);
  const auto by_elements = seen_in(frame);

  std::vector<std::string> pictures{"image"};
  const ObservedEngine engine(network, shapes, "cpu", 0);
  const Graph& graph = engine.engine().graph();
  for (const Node& node : graph.nodes()) {
    const auto* observe = std::get_if<Observe>(&node.op);
    if (observe == nullptr) continue;
    const AxisSplit split = split_at(graph.shape(node.outputs[0]), static_cast<int>(observe->axis));
    const auto shifted = shifted_input(graph, node.inputs[0], split);
    if (!shifted) continue;
    EXPECT_EQ(shifted->input, "image");
    pictures.push_back(node.name);
  }
  EXPECT_EQ(pictures.size(), 2u) << "the images minus their mean";
  for (const std::string& name : pictures) {
    const ValueStatistics& a = by_bytes.at(name);
    const ValueStatistics& b = by_elements.at(name);
    EXPECT_EQ(a.count, b.count) << name;
    EXPECT_NEAR(a.max, b.max, 1e-6) << name;
    uint64_t moved = 0;
    for (int bin = 0; bin < Histogram::kBins; ++bin) {
      moved += a.histogram.count(bin) != b.histogram.count(bin) ? 1 : 0;
    }
    EXPECT_LE(moved, 2u) << name << ": one element may have another bin";
    for (size_t c = 0; c < a.channel_means().size(); ++c) {
      EXPECT_NEAR(a.channel_means()[c], b.channel_means()[c], 1e-6) << name;
    }
  }
}

}  // namespace
}  // namespace tendon
