// The guard of float16 in a build: whose accuracy suffers stays in float32, by name, in every shape
// and in the engine file.
#include "engine/half_guard.h"

#include <gmock/gmock.h>
#include <tendon/log.h>

#include "backends/registry.h"
#include "engine/context.h"
#include "engine/engine_file.h"
#include "engine/plan.h"
#include "support/graphs.h"
#include "support/networks.h"

namespace tendon {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::UnorderedElementsAre;

/// x -> enter -> * small -> / small -> leave -> last -> y
Graph guarded_network(float small, Dim batch = {2, ""}) {
  Graph graph;
  ValueId at = graph.add_input("x", DataType::kFloat32, {batch, {16, ""}});
  const auto add = [&](const Op& op, const std::string& name, Tensor constant) {
    const ValueId other = graph.add_constant(std::move(constant), name + ".c");
    at = graph.node(graph.add_node(op, {at, other}, {name}, name)).outputs[0];
  };
  add(FusedMatMul{}, "enter", testing::random_tensor({16, 16}, 1));
  add(Binary{BinaryKind::kMul}, "shrink", Tensor::scalar(small));
  add(Binary{BinaryKind::kDiv}, "grow", Tensor::scalar(small));
  add(FusedMatMul{}, "leave", testing::random_tensor({16, 16}, 2));
  add(FusedMatMul{}, "last", testing::random_tensor({16, 4}, 3));
  graph.add_output(at);
  if (batch.fixed()) infer_shapes(graph);
  return graph;
}

BuildConfig float16_config(const Graph& graph, bool with_frames = true) {
  BuildConfig config;
  config.fp16 = true;
  config.disabled_passes = {"fold-mul-add"};
  if (with_frames) config.half_evidence.frames = {testing::random_inputs(graph)};
  config.half_evidence.backends = backends_for_device("cpu");
  return config;
}

std::map<std::string, DataType> types_of(const CompiledEngine& engine) {
  std::map<std::string, DataType> types;
  for (const LayerRecord& layer : engine.layers()) types[layer.name] = layer.outputs[0].dtype;
  return types;
}

std::vector<std::string> names_of(const std::map<std::string, std::string>& reasons) {
  std::vector<std::string> names;
  for (const auto& [name, reason] : reasons) names.push_back(name);
  return names;
}

TEST(HalfGuard, LayersWhoseAccuracySuffersStayInFloat32ByName) {
  const Graph graph = guarded_network(2e-7F);
  const testing::LogCapture log;
  const auto engine = build_engine(graph, float16_config(graph), backends_for_device("cpu"));
  EXPECT_THAT(names_of(engine->info().float32_layers), UnorderedElementsAre("shrink", "grow"));
  EXPECT_THAT(log.text(), HasSubstr("[shrink] stays in float32: it would be wrong by"));
  EXPECT_THAT(log.text(), HasSubstr("[grow] stays in float32"));
  EXPECT_THAT(log.text(), HasSubstr("of the others ["));
  const auto types = types_of(*engine);
  EXPECT_EQ(types.at("enter"), DataType::kFloat16);
  EXPECT_EQ(types.at("shrink"), DataType::kFloat32);
  EXPECT_EQ(types.at("grow"), DataType::kFloat32);
  EXPECT_EQ(types.at("leave"), DataType::kFloat16);

  const TensorMap inputs = testing::random_inputs(graph, 7);
  const TensorMap exact = testing::run_reference(graph, inputs);
  ExecutionContext guarded(engine);
  ExecutionContext blind(
      build_engine(graph, float16_config(graph, false), backends_for_device("cpu")));
  const double error = testing::max_abs_difference(exact, guarded.infer(inputs));
  EXPECT_LT(5 * error, testing::max_abs_difference(exact, blind.infer(inputs)));
}

TEST(HalfGuard, HealthyLayersAreFloat16) {
  const Graph graph = guarded_network(0.5F);
  const testing::LogCapture log;
  const auto engine = build_engine(graph, float16_config(graph), backends_for_device("cpu"));
  EXPECT_TRUE(engine->info().float32_layers.empty());
  EXPECT_THAT(log.text(), Not(HasSubstr("stays in float32: it")));
  EXPECT_THAT(log.text(), HasSubstr("0 must stay in float32"));
}

TEST(HalfGuard, WithoutFramesThatIsSaid) {
  const Graph graph = guarded_network(2e-7F);
  const testing::LogCapture log;
  Logger::global().set_severity(Severity::kVerbose);
  build_engine(graph, float16_config(graph, false), backends_for_device("cpu"));
  Logger::global().set_severity(Severity::kInfo);
  EXPECT_THAT(log.text(), HasSubstr("accuracy was not measured: there are no frames"));
}

TEST(HalfGuard, LayersThatAreAskedForStayInFloat32) {
  const Graph graph = guarded_network(0.5F);
  for (const bool fp16 : {true, false}) {
    BuildConfig config = float16_config(graph);
    config.device = "cuda";  // Where everything is half; the CPU's kernels run it here.
    config.fp16 = fp16;
    config.bf16 = !fp16;
    config.float32_layers = {"gro*", "leave", "gone"};
    const testing::LogCapture log;
    const auto engine = build_engine(graph, config, backends_for_device("cpu"));
    EXPECT_THAT(names_of(engine->info().float32_layers), UnorderedElementsAre("grow", "leave"));
    EXPECT_THAT(log.text(), HasSubstr("[leave] stays in float32, as asked for"));
    EXPECT_THAT(log.text(), HasSubstr("No layer is left by the name 'gone'"));
    const DataType half = fp16 ? DataType::kFloat16 : DataType::kBFloat16;
    const auto types = types_of(*engine);
    EXPECT_EQ(types.at("enter"), half);
    EXPECT_EQ(types.at("shrink"), half);
    EXPECT_EQ(types.at("grow"), DataType::kFloat32);
    EXPECT_EQ(types.at("leave"), DataType::kFloat32);
    const TensorMap inputs = testing::random_inputs(graph, 7);
    ExecutionContext context(engine);
    EXPECT_LT(
        testing::max_abs_difference(testing::run_reference(graph, inputs), context.infer(inputs)),
        1.0);
  }
}

TEST(HalfGuard, OtherShapesAndTheFileKeepItsChoice) {
  const Graph graph = guarded_network(2e-7F);
  BuildConfig config = float16_config(graph);
  config.profile["x"] = {{1, 16}, {2, 16}, {3, 16}};
  const auto built =
      build_engine(guarded_network(2e-7F, {-1, "batch"}), config, backends_for_device("cpu"));
  const auto loaded = compiled_engine_from_bytes(bytes_from_compiled_engine(*built), nullptr,
                                                 "guard", backends_for_device);
  EXPECT_EQ(loaded->info().float32_layers, built->info().float32_layers);
  for (const auto& engine : {built, loaded}) {
    const Shape shapes[] = {{3, 16}};
    for (const LayerRecord& layer : engine->plan_for(shapes)->layers) {
      if (layer.name != "shrink" && layer.name != "grow") continue;
      EXPECT_EQ(layer.outputs[0].dtype, DataType::kFloat32) << layer.name;
    }
  }
}

}  // namespace
}  // namespace tendon
