// One kernel of each kind run from two threads at once, each with its own memory.
#include <gmock/gmock.h>

#include <filesystem>
#include <thread>

#include "backends/cpu_kernel_case.h"
#include "base/parallel.h"
#include "support/files.h"

namespace tendon::testing {
namespace {

std::vector<KernelCase> cases() {
  FusedConv conv;
  conv.channels_last = true;
  conv.activation = Activation::kRelu;
  conv.pads = {1, 1, 1, 1};
  const auto x = [](const Shape& shape) { return random_tensor(shape, 1); };
  const auto w = [](const Shape& shape) { return random_tensor(shape, 2); };
  return {
      {conv, {x({1, 20, 20, 16}), w({32, 16, 3, 3}), w({32}), x({1, 20, 20, 32})}, {1, 2}},
      {FusedMatMul{}, {x({80, 64}), w({64, 96}), w({96})}, {1, 2}},
      {Attention{.num_heads = 2, .scale = 0.25F}, {x({1, 90, 32}), w({1, 70, 32}), x({1, 70, 32})}},
      {AddLayerNormalization{}, {x({90, 64}), w({90, 64}), w({64}), w({64})}},
      {Softmax{}, {x({300, 100})}},
      {Unary{UnaryKind::kGelu}, {x({300, 200})}},
      {Binary{BinaryKind::kAdd}, {x({300, 200}), w({200})}},
      {Transpose{.perm = {1, 0}}, {x({300, 200})}},
      {Concat{.axis = 1}, {x({300, 200}), w({300, 7})}},
  };
}

TEST(CpuThread, OneKernelRunsFromTwoThreads) {
  for (const KernelCase& test : cases()) {
    const PreparedCase prepared(test);
    SCOPED_TRACE(prepared.describe());
    ASSERT_NE(prepared.kernel(), nullptr) << prepared.declined();
    auto expected = prepared.memory();
    prepared.run(expected);
    const auto run_often = [&](bool& same) {
      auto memory = prepared.memory();
      for (int i = 0; i < 20 && same; ++i) {
        std::memset(memory.output_addresses[0], 0xff, memory.outputs[0].byte_size());
        prepared.run(memory);
        same = memory.outputs[0] == expected.outputs[0];
      }
    };
    bool same[] = {true, true};
    std::thread other([&] { run_often(same[0]); });
    run_often(same[1]);
    other.join();
    EXPECT_TRUE(same[0] && same[1]);
  }
}

/// Threads that are none of a team: helpers of threads that have ended go when they wake.
std::vector<std::string> names_of_strange_threads() {
  std::vector<std::string> names;
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
    std::string name = read_text(task.path() / "comm");
    if (!name.starts_with("tendon-")) names.push_back(std::move(name));
  }
  return names;
}

TEST(CpuThread, OneDnnRunsOnOurThreads) {
  ASSERT_TRUE(serves_openmp());
  std::vector<std::string> expected;
  std::vector<std::string> actual;
  // A thread that has no team yet.
  std::thread([&] {
    expected = names_of_strange_threads();
    const ThreadCountScope threads(3);
    const PreparedCase prepared(
        {FusedMatMul{},
         {random_tensor({400, 64}, 1), random_tensor({64, 96}, 2), random_tensor({96}, 3)},
         {1, 2}});
    ASSERT_THAT(prepared.kernel_name(), ::testing::StartsWith("onednn"));
    auto memory = prepared.memory();
    prepared.run(memory);
    actual = names_of_strange_threads();
  }).join();
  EXPECT_THAT(actual, ::testing::UnorderedElementsAreArray(expected));
}

}  // namespace
}  // namespace tendon::testing
