// From a calibrator's data to the layers that a float16 engine keeps in float32. Built for a GPU on
// kernels of the CPU, which shows every choice but needs no GPU.
#include <gmock/gmock.h>
#include <tendon/tendon.h>

#include "api/network_impl.h"
#include "api/precisions.h"
#include "backends/registry.h"
#include "engine/build.h"
#include "support/files.h"
#include "support/graphs.h"
#include "support/networks.h"

namespace tendon {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

ValueId weights(testing::GraphBuilder& b, const Shape& shape, float factor) {
  Tensor tensor = testing::random_tensor(shape, 3);
  for (float& w : tensor.mutable_data<float>()) w *= factor;
  return b.constant(tensor);
}

/// x -> enter -> Relu -> between -> Relu -> last -> y, the first weights times `scale`.
Network scaled_network(float scale) {
  testing::GraphBuilder b;
  ValueId at = b.input("x", {1, 64});
  at = b.node(MatMul{}, {at, weights(b, {64, 64}, scale)}, "enter");
  at = b.node(Unary{UnaryKind::kRelu}, {at}, "enter relu");
  at = b.node(MatMul{}, {at, weights(b, {64, 64}, 0.1F)}, "between");
  at = b.node(Unary{UnaryKind::kRelu}, {at}, "between relu");
  b.output(b.node(MatMul{}, {at, weights(b, {64, 4}, 1)}, "last"));
  return network_from_graph(b.done());
}

/// x -> left - right -> between -> last -> y, where both sides are equal but for `share` of them.
Network cancelling_network(float share) {
  testing::GraphBuilder b;
  const ValueId x = b.input("x", {1, 64});
  const ValueId left = b.node(MatMul{}, {x, weights(b, {64, 64}, 1)}, "left");
  const ValueId right = b.node(MatMul{}, {x, weights(b, {64, 64}, 1 - share)}, "right");
  const ValueId difference = b.node(Binary{BinaryKind::kSub}, {left, right}, "difference");
  const ValueId between = b.node(MatMul{}, {difference, weights(b, {64, 64}, 1)}, "between");
  b.output(b.node(MatMul{}, {between, weights(b, {64, 4}, 1)}, "last"));
  return network_from_graph(b.done());
}

std::vector<TensorMap> recorded(uint64_t count) {
  std::vector<TensorMap> frames;
  for (uint64_t i = 1; i <= count; ++i)
    frames.push_back({{"x", testing::random_tensor({1, 64}, i)}});
  return frames;
}

std::shared_ptr<const CompiledEngine> float16_engine(const Network& network,
                                                     const EngineConfig& config) {
  BuildConfig build;
  build.device = "cuda";
  build.fp16 = true;
  build.half_evidence = half_evidence_from(config, network);
  return build_engine(network.impl().graph, build, backends_for_device("cpu"));
}

TEST(Float16Guard, LayersWhoseAccuracySuffersOnACalibratorsDataStayInFloat32WithTheirSources) {
  const Network network = cancelling_network(0.01F);
  Calibrator calibrator(recorded(9));
  const testing::LogCapture log;
  const auto engine = float16_engine(network, {.fp16 = true, .calibrator = &calibrator});
  std::vector<std::string> names;
  for (const auto& [name, reason] : engine->info().float32_layers) names.push_back(name);
  EXPECT_THAT(names, ::testing::ElementsAre("difference", "left", "right"));
  EXPECT_THAT(log.text(), HasSubstr("[difference] stays in float32: it would be wrong by"));
  EXPECT_THAT(log.text(), HasSubstr("[left] stays in float32: it feeds [difference]"));
  EXPECT_THAT(log.text(), HasSubstr("on 4 frame(s)"));
  const auto between = std::ranges::find(engine->layers(), "between", &LayerRecord::name);
  ASSERT_NE(between, engine->layers().end());
  EXPECT_EQ(between->outputs[0].dtype, DataType::kFloat16);
}

TEST(Float16Guard, WeightsAreJudgedWithoutAnyData) {
  const testing::LogCapture log;
  const auto engine = float16_engine(scaled_network(1e-6F), {.fp16 = true});
  EXPECT_EQ(engine->info().float32_layers.count("enter"), 1u);
  EXPECT_THAT(log.text(), HasSubstr("[enter] stays in float32: it has weights that float16"));
}

TEST(Float16Guard, HealthyLayersAreNotNamed) {
  const Network network = scaled_network(0.1F);
  Calibrator calibrator(recorded(9));
  const testing::LogCapture log;
  const auto engine = float16_engine(network, {.fp16 = true, .calibrator = &calibrator});
  EXPECT_TRUE(engine->info().float32_layers.empty());
  EXPECT_THAT(log.text(), Not(HasSubstr("stays in float32: it")));
  EXPECT_THAT(log.text(), HasSubstr("0 must stay in float32, of the others"));
}

TEST(Float16Guard, RangesAloneTellOfOverflowAndOfTinyValues) {
  const testing::TempDir folder;
  const struct {
    float scale;
    const char* says;
  } cases[] = {{1e4F, "float16 ends at 65504"}, {1e-7F, "float16 loses digits"}};
  for (const auto& [scale, says] : cases) {
    const Network network = scaled_network(scale);
    const std::string cache = folder / fmt::format("{}", scale);
    Calibrator(recorded(9), {.cache = cache}).calibrate(network);
    const testing::LogCapture log;
    Logger::global().set_severity(Severity::kVerbose);
    const auto engine =
        float16_engine(network, {.fp16 = true, .calibration = Calibration::load(cache)});
    Logger::global().set_severity(Severity::kInfo);
    EXPECT_EQ(engine->info().float32_layers.count("between"), 1u) << "reads them";
    EXPECT_THAT(log.text(), HasSubstr(says));
    EXPECT_THAT(log.text(), HasSubstr("accuracy was not measured"));
  }
}

TEST(Float16Guard, AnExplicitlyQuantizedNetworkNeedsNoCalibrator) {
  testing::GraphBuilder b;
  const ValueId x = b.input("x", {1, 64});
  const ValueId scale = b.constant(Tensor::scalar(0.02F));
  const ValueId codes = b.node(QuantizeLinear{}, {x, scale, b.constant(Tensor::scalar(int8_t{0}))});
  b.output(b.node(DequantizeLinear{}, {codes, scale}, "y"));
  Calibrator calibrator(recorded(2));
  EXPECT_TRUE(
      half_evidence_from({.fp16 = true, .calibrator = &calibrator}, network_from_graph(b.done()))
          .frames.empty());
}

TEST(Float16Guard, TheSampleIsTheSameWhateverTheOrderAndFromACacheToo) {
  const testing::TempDir folder;
  const Network network = scaled_network(0.1F);
  std::vector<TensorMap> frames = recorded(12);
  Calibrator first(frames, {.cache = folder / "cache"});
  first.calibrate(network);
  const std::vector<TensorMap> sample = first.sample(network);
  ASSERT_EQ(sample.size(), 4u);
  std::ranges::reverse(frames);
  EXPECT_EQ(Calibrator(frames).sample(network), sample);
  Calibrator cached(frames, {.cache = folder / "cache"});
  cached.calibrate(network);
  EXPECT_EQ(cached.sample(network), sample);
}

}  // namespace
}  // namespace tendon
