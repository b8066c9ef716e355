// Several runners on one engine, each in a thread of its own, give what one runner gives.
#include <gtest/gtest.h>
#include <tendon/runner.h>

#include <thread>

#include "support/networks.h"

namespace tendon {
namespace {

TEST(RunnerThreads, RunnersShareAnEngine) {
  const Engine engine = testing::small_engine(3);
  constexpr int kThreads = 4;
  constexpr int kRounds = 25;
  std::vector<std::vector<TensorMap>> outputs(kThreads);
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&engine, &mine = outputs[static_cast<size_t>(t)]] {
      EngineRunner runner(engine, "", {.threads = 1});
      const auto scope = runner.scope();
      for (int i = 0; i < kRounds; ++i) {
        mine.push_back(runner.infer(testing::small_inputs(static_cast<uint64_t>(i), 1 + i % 3)));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EngineRunner alone(engine);
  alone.activate();
  for (int i = 0; i < kRounds; ++i) {
    const TensorMap expected =
        alone.infer(testing::small_inputs(static_cast<uint64_t>(i), 1 + i % 3));
    for (const auto& mine : outputs) EXPECT_EQ(mine[static_cast<size_t>(i)], expected);
  }
}

}  // namespace
}  // namespace tendon
