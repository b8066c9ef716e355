// Running an engine: checks on inputs, sharing, alignment, times, several threads.
#include "engine/context.h"

#include <gmock/gmock.h>

#include <cstring>
#include <thread>

#include "backends/reference/reference.h"
#include "support/graphs.h"
#include "support/toy_backend.h"

namespace tendon {
namespace {

using testing::GraphBuilder;
using ::testing::HasSubstr;
using testing::random_tensor;

Graph sum_graph() {
  GraphBuilder b;
  const ValueId x = b.input("x", {2, 3});
  const ValueId y = b.input("y", {2, 3});
  const ValueId sum = b.node(Binary{BinaryKind::kAdd}, {x, y}, "inner");
  b.output(b.node(Softmax{}, {sum}, "z"));
  return b.done();
}

std::shared_ptr<const CompiledEngine> engine_of(const Graph& graph) {
  static testing::ToyBackend toy;
  Backend* const backends[] = {&toy, &reference_backend()};
  return build_engine(graph, {.optimise = false}, backends);
}

TEST(Context, DenormalsAreZeroWithinARunOnly) {
  GraphBuilder b;
  const ValueId x = b.input("x", {1});
  b.output(b.node(Binary{BinaryKind::kMul}, {x, b.constant(Tensor::scalar(0.5F))}, "y"));
  const auto engine = engine_of(b.done());
  ExecutionContext context(engine);
  const volatile float least = std::numeric_limits<float>::min();
  EXPECT_EQ(context.infer({{"x", Tensor::from<float>({1}, {least})}}).at("y").data<float>()[0], 0);
  EXPECT_GT(least * 0.5F, 0);
}

TEST(Context, BadInputsAreNamed) {
  const auto engine = engine_of(sum_graph());
  ExecutionContext context(engine);
  const Tensor good = random_tensor({2, 3});
  const struct {
    TensorMap inputs;
    std::vector<std::string> says;
  } cases[] = {
      {{{"x", good}}, {"input 'y'", "is missing", "given are [x]"}},
      {{{"x", good}, {"z", good}}, {"input 'y'", "is missing", "given are [x, z]"}},
      {{{"x", good}, {"y", good}, {"q", good}}, {"no input 'q'", "[x, y]"}},
      {{{"x", good}, {"y", cast(good, DataType::kInt32)}}, {"'y'", "int32", "expected float32"}},
      {{{"x", good}, {"y", random_tensor({3, 2})}}, {"'y'", "(3, 2)", "built for (2, 3)"}},
      {{{"x", good}, {"y", random_tensor({6})}}, {"'y'", "(6,)", "(2, 3)"}},
  };
  for (const auto& test : cases) {
    try {
      context.infer(test.inputs);
      ADD_FAILURE() << test.says[0];
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kUsage);
      for (const std::string& part : test.says) EXPECT_THAT(error.what(), HasSubstr(part));
    }
  }
}

TEST(Context, AnErrorWhileRunningNamesTheNode) {
  GraphBuilder b;
  const ValueId x = b.input("x", {2, 3});
  const ValueId i = b.input("i", {1}, DataType::kInt64);
  b.output(b.node(Gather{}, {x, i}, "lookup"));
  ExecutionContext context(engine_of(b.done()));
  const Tensor far = Tensor::from<int64_t>({1}, {5});
  try {
    context.infer({{"x", random_tensor({2, 3})}, {"i", far}});
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("[Gather 'lookup']"));
  }
}

TEST(Context, CopiesOfAResultKeepTheirValues) {
  ExecutionContext context(engine_of(sum_graph()));
  const TensorMap first = {{"x", random_tensor({2, 3}, 1)}, {"y", random_tensor({2, 3}, 2)}};
  const TensorMap second = {{"x", random_tensor({2, 3}, 3)}, {"y", random_tensor({2, 3}, 4)}};
  const TensorMap kept = context.infer(first);
  const TensorMap expected = testing::run_reference(sum_graph(), first);
  const TensorMap& next = context.infer(second);
  EXPECT_EQ(kept.at("z"), expected.at("z"));
  EXPECT_NE(kept.at("z").raw(), next.at("z").raw());
}

TEST(Context, MisalignedInputsAreStaged) {
  ExecutionContext context(engine_of(sum_graph()));
  const Tensor x = random_tensor({2, 3}, 1);
  std::vector<std::byte> bytes(x.byte_size() + 4);
  std::memcpy(bytes.data() + 4, x.raw(), x.byte_size());
  const Tensor shifted = Tensor::view(DataType::kFloat32, x.shape(), bytes.data() + 4, nullptr);
  const TensorMap plain = context.infer({{"x", x}, {"y", x}});
  EXPECT_EQ(plain.at("z"), context.infer({{"x", shifted}, {"y", shifted}}).at("z"));
}

TEST(Context, TimesHaveOneEntryALayer) {
  const auto engine = engine_of(sum_graph());
  ExecutionContext context(engine);
  StepTimes times;
  context.infer(testing::random_inputs(sum_graph()), &times);
  ASSERT_EQ(times.size(), engine->layers().size());
  for (const int64_t time : times) EXPECT_GT(time, 0);
}

TEST(Context, ObserversSeeEveryStepsOutputs) {
  const auto engine = engine_of(sum_graph());
  ExecutionContext context(engine);
  StepTimes times;
  std::vector<std::string> seen;
  Tensor last;
  const TensorMap inputs = testing::random_inputs(sum_graph());
  const TensorMap& outputs = context.infer(inputs, &times, [&](const StepResult& result) {
    seen.push_back(result.layer.name);
    const TensorType& type = result.layer.outputs[0];
    last = Tensor::view(type.dtype, type.shape, result.outputs[0], nullptr);
  });
  ASSERT_EQ(seen.size(), engine->layers().size());
  EXPECT_EQ(seen.back(), engine->layers().back().name);
  EXPECT_EQ(last, outputs.begin()->second);
  EXPECT_EQ(times.size(), seen.size());
  EXPECT_THROW(
      context.infer(inputs, nullptr, [](const StepResult&) { throw std::runtime_error("enough"); }),
      std::runtime_error);
}

TEST(Context, ManyThreadsShareOneEngine) {
  const Graph graph = sum_graph();
  const auto engine = engine_of(graph);
  std::vector<std::thread> threads;
  std::vector<double> differences(4, -1);
  for (size_t t = 0; t < differences.size(); ++t) {
    threads.emplace_back([&, t] {
      ExecutionContext context(engine, 1);
      double worst = 0;
      for (uint64_t i = 0; i < 50; ++i) {
        const TensorMap inputs = testing::random_inputs(graph, 1000 * t + i);
        worst = std::max(worst, testing::max_abs_difference(context.infer(inputs),
                                                            testing::run_reference(graph, inputs)));
      }
      differences[t] = worst;
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const double difference : differences) EXPECT_LE(difference, 1e-6);
}

TEST(Context, AnObserverSeesEachOutputRightAfterItsStep) {
  ExecutionContext context(engine_of(sum_graph()));
  const Tensor x = random_tensor({2, 3}, 1);
  const Tensor y = random_tensor({2, 3}, 2);
  std::vector<std::string> names;
  std::vector<float> sum;
  StepTimes times;
  const auto observer = [&](const StepResult& step) {
    ASSERT_EQ(step.outputs.size(), 1u);
    EXPECT_EQ(step.layer.outputs[0], (TensorType{DataType::kFloat32, {2, 3}}));
    const auto* values = static_cast<const float*>(step.outputs[0]);
    if (names.empty()) sum.assign(values, values + 6);
    names.push_back(step.layer.name);
  };
  for (StepTimes* wanted : {static_cast<StepTimes*>(nullptr), &times}) {
    names.clear();
    context.infer({{"x", x}, {"y", y}}, wanted, observer);
    EXPECT_THAT(names, ::testing::ElementsAre("inner", "z"));
    for (size_t i = 0; i < 6; ++i) EXPECT_EQ(sum[i], x.data<float>()[i] + y.data<float>()[i]);
  }
  EXPECT_EQ(times.size(), 2u);
}

}  // namespace
}  // namespace tendon
