// Runners: life cycle, checks with their messages, ownership of outputs, replay.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <tendon/data_loader.h>
#include <tendon/loaders.h>
#include <tendon/runner.h>

#include "support/files.h"
#include "support/networks.h"

namespace tendon {
namespace {

using testing::expect_error;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using testing::small_engine;
using testing::small_inputs;

TEST(Runner, NamesItselfByCountDateAndTime) {
  const EngineRunner first(small_engine());
  const EngineRunner second(small_engine());
  EXPECT_THAT(first.name(), MatchesRegex("engine-runner-N[0-9]+-[0-9]+-[0-9]+-[0-9]+-"
                                         "[0-9]+:[0-9]+:[0-9]+"));
  EXPECT_NE(first.name(), second.name());
  EXPECT_EQ(EngineRunner(small_engine(), "mine").name(), "mine");
}

TEST(Runner, LoadsAtActivationOnly) {
  int loads = 0;
  EngineRunner runner([&] {
    ++loads;
    return small_engine();
  });
  EXPECT_EQ(loads, 0);
  {
    const auto scope = runner.scope();
    EXPECT_TRUE(runner.is_active());
    EXPECT_EQ(loads, 1);
    EXPECT_EQ(runner.engine().name(), "small");
  }
  EXPECT_FALSE(runner.is_active());
}

TEST(Runner, OnACpuBuffersAreReadAndWrittenAtOnce) {
  EngineRunner runner(small_engine());
  const auto scope = runner.scope();
  const TensorMap expected = runner.infer(small_inputs());
  BufferMap inputs, outputs;
  TensorMap found;
  for (const auto& [name, tensor] : small_inputs()) inputs[name] = Buffer::of(tensor);
  for (const auto& [name, tensor] : expected) {
    found[name] = Tensor(tensor.dtype(), tensor.shape());
    outputs[name] = Buffer::into(found[name]);
  }
  Inference inference = runner.infer_async(inputs, outputs);
  EXPECT_TRUE(inference.done());
  EXPECT_EQ(found, expected);
  inference.wait();
  expect_error(ErrorKind::kUsage, {"is missing"}, [&] { runner.infer_async({}, outputs).wait(); });
  auto& [name, input] = *inputs.begin();
  input = Buffer::cuda(input.dtype(), input.shape(), input.address());
  expect_error(ErrorKind::kUsage, {"input '" + name + "' lies on GPU 0", "--device cuda:0"},
               [&] { runner.infer_async(inputs, outputs).wait(); });
  for (auto* buffers : {&inputs, &outputs}) {
    for (auto& [port, buffer] : *buffers) {
      buffer = Buffer::pinned(buffer.dtype(), buffer.shape(), const_cast<void*>(buffer.address()));
    }
  }
  expect_error(ErrorKind::kUsage, {"has no streams; use infer_async()"},
               [&] { runner.enqueue(inputs, outputs, {}); });
}

TEST(Runner, PinnedItRunsOnTheCpusGivenAndLeavesTheCallerFree) {
  cpu_set_t before, after;
  sched_getaffinity(0, sizeof before, &before);
  int first = 0;
  while (!CPU_ISSET(first, &before)) ++first;
  const Engine engine = small_engine();
  EngineRunner free(engine), pinned(engine, "", {.threads = 1, .pin = std::to_string(first)});
  const auto free_scope = free.scope(), pinned_scope = pinned.scope();
  EXPECT_EQ(pinned.infer(small_inputs()), free.infer(small_inputs()));
  sched_getaffinity(0, sizeof after, &after);
  EXPECT_TRUE(CPU_EQUAL(&before, &after));
  EngineRunner elsewhere(engine, "", {.threads = 1, .pin = "1023"});
  expect_error(ErrorKind::kUsage, {"CPU 1023", "may be used"}, [&] { elsewhere.activate(); });
  EngineRunner crowded(engine, "", {.threads = 2, .pin = std::to_string(first)});
  expect_error(ErrorKind::kUsage, {"1 CPU(s) for 2 threads"}, [&] { crowded.activate(); });
}

TEST(Runner, NothingWorksBeforeActivation) {
  EngineRunner runner(small_engine(), "idle");
  const auto refuses = [](const char* call, auto&& body) {
    expect_error(ErrorKind::kUsage, {"idle", "Must be activated", call}, body);
  };
  refuses("infer()", [&] { runner.infer({}); });
  refuses("get_input_metadata()", [&] { runner.get_input_metadata(); });
  refuses("last_inference_time()", [&] { runner.last_inference_time(); });
  refuses("engine()", [&] { runner.engine(); });
  runner.activate();
  expect_error(ErrorKind::kUsage, {"No inference has run"}, [&] { runner.last_inference_time(); });
}

TEST(Runner, WarnsWhenActivatedOrDeactivatedTwice) {
  const testing::LogCapture log;
  EngineRunner runner(small_engine(), "twice");
  runner.activate();
  runner.activate();
  runner.deactivate();
  runner.deactivate();
  EXPECT_THAT(log.text(), HasSubstr("twice | Already active"));
  EXPECT_THAT(log.text(), HasSubstr("twice | Not active"));
}

TEST(Runner, BadInputsAreToldWithFoundAndExpected) {
  EngineRunner runner(small_engine(2), "strict");
  runner.activate();
  const TensorMap good = small_inputs();
  const auto with = [&](const char* name, Tensor tensor) {
    TensorMap inputs = good;
    inputs[name] = std::move(tensor);
    return inputs;
  };
  TensorMap renamed = good;
  renamed["X"] = renamed["x"];
  renamed.erase("x");
  const struct {
    TensorMap inputs;
    std::vector<std::string> says;
  } cases[] = {
      {{}, {"Missing input: x [dtype=float32, shape=(1..2, 3)]", "Missing input: t [", "'x', 't'"}},
      {renamed, {"Missing input: x", "Extra input: X float32", "did you mean 'x'?"}},
      {with("z", good.at("x")), {"Extra input: z", "Expected: 'x', 't'"}},
      {with("x", Tensor()), {"Missing input: x"}},
      {with("x", cast(good.at("x"), DataType::kFloat64)),
       {"Input tensor: x", "unexpected dtype: float64", "Expected type: float32"}},
      {with("x", Tensor(DataType::kFloat32, {3, 3})),
       {"Input tensor: x", "incompatible shape: (3, 3)", "compatible with: (1..2, 3)", "profile"}},
      {with("t", Tensor(DataType::kFloat32, {2, 1})), {"shape: (2, 1)", "compatible with: (2,)"}},
      {with("x", Tensor(DataType::kFloat32, {2})), {"shape of 't': are the two swapped?"}},
      {with("t", Tensor(DataType::kFloat32, {5})), {"axis 0 is 5, expected 2"}},
  };
  for (const auto& [inputs, says] : cases) {
    try {
      runner.infer(inputs);
      ADD_FAILURE() << "accepted: " << says.front();
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kUsage);
      EXPECT_THAT(error.what(), HasSubstr("strict"));
      for (const std::string& part : says) EXPECT_THAT(error.what(), HasSubstr(part));
    }
  }
}

TEST(Runner, OutputsOfInferStayAsTheyAre) {
  EngineRunner runner(small_engine());
  runner.activate();
  const TensorMap first = runner.infer(small_inputs(1));
  const Tensor copy = Tensor::from(
      first.at("y").shape(),
      std::vector<float>(first.at("y").data<float>().begin(), first.at("y").data<float>().end()));
  const TensorMap second = runner.infer(small_inputs(5));
  EXPECT_EQ(first.at("y"), copy);
  EXPECT_FALSE(first.at("y") == second.at("y"));
  EXPECT_GT(runner.last_inference_time(), 0);
}

TEST(Runner, AViewIsReusedByTheNextCall) {
  EngineRunner runner(small_engine());
  runner.activate();
  const void* first = runner.infer_view(small_inputs(1)).at("y").raw();
  const void* second = runner.infer_view(small_inputs(2)).at("y").raw();
  EXPECT_EQ(first, second);
}

TEST(Runner, EveryShapeOfTheProfileRuns) {
  EngineRunner runner(small_engine(3));
  runner.activate();
  for (const int64_t batch : {1, 3, 2, 1}) {
    EXPECT_EQ(runner.infer(small_inputs(1, batch)).at("y").shape(), Shape({batch, 3}));
  }
}

TEST(Runner, ProfileTimesEveryLayer) {
  EngineRunner runner(small_engine());
  runner.activate();
  EXPECT_EQ(runner.profile(small_inputs()).size(), runner.engine().layers().size());
}

TEST(ReplayRunner, GivesRecordedOutputsInOrderAndRewinds) {
  const std::vector<TensorMap> recorded =
      unstack({{"action", Tensor::from<float>({2, 1}, {1.0f, 2.0f})}});
  ReplayRunner runner(recorded, "pytorch");
  for (int pass = 0; pass < 2; ++pass) {
    const auto scope = runner.scope();
    EXPECT_EQ(runner.infer({}).at("action").data<float>()[0], 1.0f);
    EXPECT_EQ(runner.infer({{"any", Tensor::scalar(1.0f)}}).at("action").data<float>()[0], 2.0f);
    expect_error(ErrorKind::kUsage, {"pytorch", "All 2 recorded iteration(s)"},
                 [&] { runner.infer({}); });
  }
}

TEST(Engine, TellsWhatItIsMadeOf) {
  const Engine engine = small_engine(4);
  EXPECT_EQ(engine.device(), "reference");
  EXPECT_EQ(to_string(engine.inputs()),
            "x [dtype=float32, shape=(1..4, 3)]\nt [dtype=float32, shape=(2,)]");
  EXPECT_EQ(to_string(engine.outputs()[0]), "y [dtype=float32, shape=(1..4, 3)]");
  EXPECT_EQ(engine.opt_shapes().at("x"), Shape({1, 3}));
  EXPECT_EQ(engine.metadata().at("robot"), "toy");
  EXPECT_EQ(engine.threads(), 1);
  ASSERT_FALSE(engine.layers().empty());
  for (const LayerInfo& layer : engine.layers()) {
    EXPECT_EQ(layer.precision, DataType::kFloat32);
    EXPECT_FALSE(layer.kernel.empty());
  }
}

}  // namespace
}  // namespace tendon
