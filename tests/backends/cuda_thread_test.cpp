// Several engines on one GPU from several threads, on the driver made of host memory.
#include <gtest/gtest.h>
#include <tendon/runner.h>

#include <thread>

#include "api/engine_impl.h"
#include "backends/cuda/backend.h"
#include "backends/reference/reference.h"
#include "cuda_driver.h"
#include "support/graphs.h"

namespace tendon {
namespace {

Graph relu_of_width(int64_t width) {
  testing::GraphBuilder b;
  const ValueId x = b.input("x", {1, width});
  b.output(b.node(Unary{UnaryKind::kRelu}, {x}, "y"));
  return b.done();
}

TEST(CudaThreads, RunnersOfSeveralEnginesDoNotDisturbEachOther) {
  constexpr int kThreads = 6;
  constexpr int kRuns = 50;
  testing::reset_fake_gpu();
  cuda::CudaBackend backend(testing::fake_driver(), 0);
  Backend* const backends[] = {&backend, &reference_backend()};
  std::vector<Engine> engines;
  for (const int64_t width : {8, 64}) {
    engines.push_back(engine_from_compiled(
        build_engine(relu_of_width(width), {.device = "cuda", .optimise = false}, backends)));
  }
  std::vector<int> wrong(kThreads, 0);
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      EngineRunner runner(engines[static_cast<size_t>(t % 2)]);
      runner.activate();
      const Shape shape = {1, t % 2 == 0 ? 8 : 64};
      for (int run = 0; run < kRuns; ++run) {
        const auto value = static_cast<float>(100 * t + run + 1);
        const Tensor x =
            Tensor::from<float>(shape, std::vector<float>(static_cast<size_t>(shape[1]), value));
        Tensor y(DataType::kFloat32, shape);
        if (run % 2 == 0) {
          runner.infer_async({{"x", Buffer::of(x)}}, {{"y", Buffer::into(y)}}).wait();
        } else {
          y = runner.infer({{"x", x}}).at("y");
        }
        wrong[static_cast<size_t>(t)] += y.data<float>().back() == value ? 0 : 1;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, std::vector<int>(kThreads, 0));
}

}  // namespace
}  // namespace tendon
