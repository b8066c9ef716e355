// Inferences on the caller's buffers on a real GPU; without one there is nothing to test.
#include <gmock/gmock.h>
#include <tendon/runner.h>

#include <cstring>
#include <thread>

#include "api/engine_impl.h"
#include "backends/cuda/backend.h"
#include "backends/reference/reference.h"
#include "backends/registry.h"
#include "support/graphs.h"

namespace tendon {
namespace {

using testing::GraphBuilder;
using ::testing::HasSubstr;

/// x (float32) and frame (uint8) -> y = Relu(x w1 + frame) w2
Graph graph_of_two_inputs(int64_t columns) {
  GraphBuilder b;
  const ValueId x = b.input("x", {64, 96});
  const ValueId frame = b.input("frame", {64, columns}, DataType::kUInt8);
  const ValueId h = b.node(FusedMatMul{}, {x, b.random_constant({96, columns}, "w1")}, "h");
  const ValueId f = b.node(Cast{.to = DataType::kFloat32}, {frame}, "f");
  const ValueId s = b.node(Binary{BinaryKind::kAdd}, {h, f}, "s");
  const ValueId r = b.node(Unary{UnaryKind::kRelu}, {s}, "r");
  b.output(b.node(FusedMatMul{}, {r, b.random_constant({columns, 32}, "w2")}, "y"));
  return b.done();
}

class OnGpu : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!find_gpu().available) GTEST_SKIP() << find_gpu().text;
    device = static_cast<cuda::CudaDevice*>(cuda_backend().device());
  }

  Engine engine_of(const Graph& graph) {
    Backend* const backends[] = {&cuda_backend(), &reference_backend()};
    return engine_from_compiled(
        build_engine(graph, {.device = "cuda", .optimise = false}, backends));
  }
  CUstream new_stream() {
    const cuda::CudaDevice::Scope scope(*device);
    CUstream stream = nullptr;
    check(device->driver(), device->driver().cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING), "");
    return stream;
  }
  void synchronize(CUstream stream) {
    const cuda::CudaDevice::Scope scope(*device);
    check(device->driver(), device->driver().cuStreamSynchronize(stream), "");
  }
  /// A copy on the GPU, which lives as long as the buffer.
  Buffer on_gpu(const Tensor& tensor) {
    auto memory = device->upload(tensor.raw(), tensor.byte_size());
    return Buffer::cuda(tensor.dtype(), tensor.shape(), static_cast<void*>(memory.get()), 0,
                        memory);
  }
  Tensor on_host(const Buffer& buffer) {
    Tensor tensor(buffer.dtype(), buffer.shape());
    device->read(tensor.mutable_raw(), buffer.address(), tensor.byte_size());
    return tensor;
  }
  BufferMap on_gpu(const TensorMap& tensors) {
    BufferMap buffers;
    for (const auto& [name, tensor] : tensors) buffers[name] = on_gpu(tensor);
    return buffers;
  }

  cuda::CudaDevice* device = nullptr;
};

const Tensor kEmpty(DataType::kFloat32, {64, 32});

TEST_F(OnGpu, BuffersGiveWhatTensorsGive) {
  const Graph graph = graph_of_two_inputs(64);
  EngineRunner runner(engine_of(graph));
  runner.activate();
  const CUstream stream = new_stream();
  std::vector<TensorMap> expected;
  std::vector<BufferMap> inputs, outputs;
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    const TensorMap tensors = testing::random_inputs(graph, seed);
    expected.push_back(runner.infer(tensors));
    inputs.push_back(on_gpu(tensors));
    outputs.push_back({{"y", on_gpu(kEmpty)}});
  }
  for (size_t i = 0; i < inputs.size(); ++i) runner.enqueue(inputs[i], outputs[i], {stream});
  synchronize(stream);
  for (size_t i = 0; i < inputs.size(); ++i) {
    EXPECT_EQ(on_host(outputs[i].at("y")), expected[i].at("y")) << i;
  }
  EXPECT_NE(expected[0].at("y"), expected[1].at("y"));
}

TEST_F(OnGpu, StreamsTakeTurns) {
  const Graph graph = graph_of_two_inputs(64);
  EngineRunner runner(engine_of(graph));
  runner.activate();
  const CUstream streams[] = {new_stream(), new_stream(), nullptr};
  std::vector<TensorMap> expected;
  std::vector<BufferMap> inputs, outputs;
  for (uint64_t seed = 1; seed <= 60; ++seed) {
    const TensorMap tensors = testing::random_inputs(graph, seed);
    expected.push_back(runner.infer(tensors));
    inputs.push_back(on_gpu(tensors));
    outputs.push_back({{"y", on_gpu(kEmpty)}});
  }
  for (size_t i = 0; i < inputs.size(); ++i) {
    runner.enqueue(inputs[i], outputs[i], {streams[i % 3]});
  }
  for (const CUstream stream : streams) synchronize(stream);
  for (size_t i = 0; i < inputs.size(); ++i) {
    EXPECT_EQ(on_host(outputs[i].at("y")), expected[i].at("y")) << i;
  }
}

TEST_F(OnGpu, EveryKindOfMemoryWorks) {
  const Graph graph = graph_of_two_inputs(64);
  EngineRunner runner(engine_of(graph));
  runner.activate();
  const auto pinned = [&](const Tensor& tensor) {
    auto memory = device->allocate_host(tensor.byte_size());
    std::memcpy(memory.get(), tensor.raw(), tensor.byte_size());
    return Buffer::pinned(tensor.dtype(), tensor.shape(), static_cast<void*>(memory.get()), memory);
  };
  const TensorMap tensors = testing::random_inputs(graph);
  const Tensor expected = runner.infer(tensors).at("y");
  for (int kinds = 0; kinds < 27; ++kinds) {
    Tensor y(DataType::kFloat32, kEmpty.shape());
    const auto place = [&](int kind, const Tensor& tensor) {
      return kind == 0 ? Buffer::of(tensor) : kind == 1 ? pinned(tensor) : on_gpu(tensor);
    };
    const BufferMap inputs{{"x", place(kinds % 3, tensors.at("x"))},
                           {"frame", place(kinds / 3 % 3, tensors.at("frame"))}};
    const Buffer output = kinds / 9 == 0 ? Buffer::into(y) : place(kinds / 9, kEmpty);
    runner.infer_async(inputs, {{"y", output}}).wait();
    if (output.memory() == Memory::kPinned) {
      std::memcpy(y.mutable_raw(), output.address(), y.byte_size());
    }
    if (output.memory() == Memory::kCuda) y = on_host(output);
    EXPECT_EQ(y, expected) << kinds;
  }
}

TEST_F(OnGpu, TheDriverKnowsWhatMemoryAnAddressIsIn) {
  const Tensor host(DataType::kFloat32, {4});
  const Buffer near = on_gpu(host);
  const auto pinned = device->allocate_host(16);
  const auto as = [](const Buffer& buffer, Memory memory) {
    const void* const address = buffer.address();
    switch (memory) {
      case Memory::kHost: return Buffer::host(DataType::kFloat32, {4}, address);
      case Memory::kPinned: return Buffer::pinned(DataType::kFloat32, {4}, address);
      default: return Buffer::cuda(DataType::kFloat32, {4}, address);
    }
  };
  const Buffer ordinary = Buffer::of(host);
  const Buffer locked = Buffer::host(DataType::kFloat32, {4}, pinned.get());
  for (const Memory memory : {Memory::kHost, Memory::kPinned, Memory::kCuda}) {
    EXPECT_EQ(device->misplaced(as(near, memory)).has_value(), memory != Memory::kCuda);
    EXPECT_EQ(device->misplaced(as(ordinary, memory)).has_value(), memory != Memory::kHost);
    EXPECT_EQ(device->misplaced(as(locked, memory)).has_value(), memory == Memory::kCuda);
  }
  EXPECT_THAT(device->misplaced(as(near, Memory::kHost)).value_or(""), HasSubstr("GPU 0"));
}

TEST_F(OnGpu, SeveralEnginesRunFromSeveralThreads) {
  constexpr int kThreads = 4;
  constexpr int kRuns = 300;
  const Graph graphs[] = {graph_of_two_inputs(64), graph_of_two_inputs(192)};
  const Engine engines[] = {engine_of(graphs[0]), engine_of(graphs[1])};
  std::vector<int> wrong(kThreads, 0);
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      EngineRunner runner(engines[t % 2]);
      runner.activate();
      const TensorMap tensors = testing::random_inputs(graphs[t % 2], static_cast<uint64_t>(t) + 1);
      const Tensor expected = runner.infer(tensors).at("y");
      const BufferMap inputs = on_gpu(tensors);
      const BufferMap outputs{{"y", on_gpu(kEmpty)}};
      for (int run = 0; run < kRuns; ++run) {
        if (run % 3 == 0) {
          wrong[static_cast<size_t>(t)] += runner.infer(tensors).at("y") == expected ? 0 : 1;
        } else {
          runner.infer_async(inputs, outputs).wait();
          wrong[static_cast<size_t>(t)] += on_host(outputs.at("y")) == expected ? 0 : 1;
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, std::vector<int>(kThreads, 0));
}

}  // namespace
}  // namespace tendon
