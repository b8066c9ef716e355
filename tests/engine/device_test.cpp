// Engines whose layers work on a device and on the host: copies, segments, what a run may cost.
#include <gmock/gmock.h>

#include "backends/reference/reference.h"
#include "engine/context.h"
#include "engine/engine_file.h"
#include "engine/plan.h"
#include "support/graphs.h"
#include "support/toy_device.h"

namespace tendon {
namespace {

using ::testing::ElementsAre;
using testing::GraphBuilder;
using testing::ToyDeviceBackend;

/// x -> Exp -> Softmax -> Neg -> y, and Exp's result once more; only Exp and Neg are on the device.
Graph mixed_graph() {
  GraphBuilder b;
  const ValueId x = b.input("x", {2, 8});
  const ValueId e = b.node(Unary{UnaryKind::kExp}, {x}, "exp");
  const ValueId s = b.node(Softmax{}, {e}, "softmax");
  b.output(b.node(Unary{UnaryKind::kNeg}, {s}, "neg"));
  b.output(e);
  return b.done();
}

std::shared_ptr<const CompiledEngine> build(Graph graph, ToyDeviceBackend& backend) {
  Backend* const backends[] = {&backend, &reference_backend()};
  return build_engine(std::move(graph), {.optimise = false}, backends);
}

std::vector<std::string> kernels_of(const CompiledEngine& engine) {
  std::vector<std::string> kernels;
  for (const LayerRecord& layer : engine.layers()) kernels.push_back(layer.kernel);
  return kernels;
}

TEST(Device, ValuesAreCopiedWhereTheyAreReadOnTheOtherSide) {
  ToyDeviceBackend backend;
  const auto engine = build(mixed_graph(), backend);
  EXPECT_THAT(kernels_of(*engine),
              ElementsAre("copy:to_device", "toy:unary", "copy:to_host", "reference",
                          "copy:to_device", "toy:unary", "copy:to_host"))
      << "Exp's result is copied once for Softmax and for the output";
  EXPECT_EQ(engine->layers()[0].backend, "toydevice");
  EXPECT_EQ(engine->layers()[0].type, kCopyLayer);
  EXPECT_GT(engine->plan()->device_arena_bytes, 0u);
}

TEST(Device, RunsLikeTheReferenceAndReplaysWhatItRecorded) {
  ToyDeviceBackend backend;
  const Graph graph = mixed_graph();
  const auto engine = build(graph, backend);
  ExecutionContext context(engine);
  int allocations = 0;
  for (uint64_t seed = 1; seed <= 3; ++seed) {
    const TensorMap inputs = testing::random_inputs(graph, seed);
    EXPECT_LT(
        testing::max_abs_difference(context.infer(inputs), testing::run_reference(graph, inputs)),
        1e-6);
    if (seed == 1) allocations = backend.toy.log.allocations;
  }
  EXPECT_EQ(backend.toy.log.allocations, allocations) << "later runs allocate nothing";
  EXPECT_EQ(backend.toy.log.recordings, 2) << "one for each segment of the device";
  EXPECT_EQ(backend.toy.log.replays, 6);
  EXPECT_EQ(backend.toy.log.waits, 6) << "before the host's layer and at the end";
}

TEST(Device, AWholeEngineOnTheDeviceWaitsOnce) {
  GraphBuilder b;
  const ValueId x = b.input("x", {4, 4});
  const ValueId e = b.node(Unary{UnaryKind::kExp}, {x}, "exp");
  b.output(b.node(Unary{UnaryKind::kNeg}, {b.node(Flatten{}, {e}, "flat")}, "neg"));
  const Graph graph = b.done();
  ToyDeviceBackend backend;
  const auto engine = build(graph, backend);
  ExecutionContext context(engine);
  const TensorMap inputs = testing::random_inputs(graph);
  context.infer(inputs);
  EXPECT_EQ(backend.toy.log.recordings, 1);
  EXPECT_EQ(backend.toy.log.waits, 1);
  EXPECT_EQ(context.time_device(inputs, 5, true).size(), 5u);
  EXPECT_EQ(context.time_device(inputs, 5, false).size(), 5u);
}

TEST(Device, ObserversReadTheDevicesValues) {
  ToyDeviceBackend backend;
  const Graph graph = mixed_graph();
  const auto engine = build(graph, backend);
  ExecutionContext context(engine);
  const TensorMap inputs = testing::random_inputs(graph);
  std::vector<std::string> seen;
  float first = 0;
  context.infer(inputs, nullptr, [&](const StepResult& result) {
    seen.push_back(result.layer.name);
    if (result.layer.name == "exp") first = static_cast<const float*>(result.outputs[0])[0];
  });
  EXPECT_THAT(seen, ElementsAre("exp", "softmax", "neg")) << "copies show nothing new";
  EXPECT_NEAR(first, std::exp(inputs.find("x")->second.data<float>()[0]), 1e-6);
}

TEST(Device, TimesComeFromTheDevice) {
  ToyDeviceBackend backend;
  const auto engine = build(mixed_graph(), backend);
  ExecutionContext context(engine);
  StepTimes times;
  context.infer(testing::random_inputs(mixed_graph()), &times);
  ASSERT_EQ(times.size(), engine->layers().size());
  EXPECT_EQ(times[2], 2) << "the toy's own count";
}

TEST(Device, AnEngineFileChoosesTheSameKernelsAgain) {
  ToyDeviceBackend backend;
  const auto engine = build(mixed_graph(), backend);
  const auto find = [&](std::string_view) {
    return std::vector<Backend*>{&backend, &reference_backend()};
  };
  const auto read =
      compiled_engine_from_bytes(bytes_from_compiled_engine(*engine), nullptr, "file", find);
  EXPECT_EQ(kernels_of(*read), kernels_of(*engine));
  EXPECT_EQ(read->plan()->choice, engine->plan()->choice);
}

}  // namespace
}  // namespace tendon
