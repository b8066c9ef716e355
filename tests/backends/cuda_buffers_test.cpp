// Inferences on buffers of the caller's, on the driver made of host memory: nothing runs before
// somebody waits, so what is read too early or written too late has the wrong value.
#include <gmock/gmock.h>
#include <tendon/dlpack.h>
#include <tendon/runner.h>

#include "api/engine_impl.h"
#include "backends/cuda/backend.h"
#include "backends/reference/reference.h"
#include "cuda_driver.h"
#include "support/graphs.h"

namespace tendon {
namespace {

using cuda::CudaBackend;
using testing::allocate_on_fake_gpu;
using ::testing::ElementsAre;
using testing::enqueue_on_fake_stream;
using testing::fake_driver;
using testing::FakeGpu;
using testing::GraphBuilder;
using ::testing::HasSubstr;
using testing::reset_fake_gpu;

const Shape kShape{2, 4};
constexpr size_t kCount = 8;

/// x -> Relu -> y
Graph relu_graph() {
  GraphBuilder b;
  const ValueId x = b.input("x", kShape);
  b.output(b.node(Unary{UnaryKind::kRelu}, {x}, "y"));
  return b.done();
}

/// x -> Relu -> CumSum, which runs on the host -> Relu -> y
Graph graph_with_a_sum() {
  GraphBuilder b;
  const ValueId x = b.input("x", kShape);
  const ValueId r = b.node(Unary{UnaryKind::kRelu}, {x}, "r");
  const ValueId s = b.node(CumSum{}, {r, b.constant(Tensor::scalar(int64_t{1}))}, "s");
  b.output(b.node(Unary{UnaryKind::kRelu}, {s}, "y"));
  return b.done();
}

/// Memory of the fake GPU's for floats, freed at the end.
class GpuFloats {
 public:
  explicit GpuFloats(float value = 0, int gpu = 0)
      : data_(static_cast<float*>(allocate_on_fake_gpu(kCount * sizeof(float), gpu))), gpu_(gpu) {
    fill(value);
  }
  ~GpuFloats() { fake_driver().cuMemFree(reinterpret_cast<CUdeviceptr>(data_)); }
  GpuFloats(const GpuFloats&) = delete;
  GpuFloats& operator=(const GpuFloats&) = delete;

  void fill(float value) { std::fill_n(data_, kCount, value); }
  float* data() { return data_; }
  float front() const { return data_[0]; }
  Buffer buffer() { return Buffer::cuda(DataType::kFloat32, kShape, data_, gpu_); }

 private:
  float* data_;
  int gpu_;
};

class CudaBuffers : public ::testing::Test {
 protected:
  CudaBuffers() : gpu(reset_fake_gpu()), backend(fake_driver(), 0) {}

  Engine engine_of(Graph graph) {
    Backend* const backends[] = {&backend, &reference_backend()};
    return engine_from_compiled(
        build_engine(std::move(graph), {.device = "cuda", .optimise = false}, backends));
  }
  CUstream new_stream() {
    CUstream stream = nullptr;
    backend_driver.cuStreamCreate(&stream, 0);
    return stream;
  }
  void synchronize(CUstream stream) { backend_driver.cuStreamSynchronize(stream); }

  FakeGpu& gpu;
  cuda::Driver backend_driver = fake_driver();
  CudaBackend backend;
};

TEST_F(CudaBuffers, OrdinaryMemoryIsReadAtOnceAndWrittenByWait) {
  EngineRunner runner(engine_of(relu_graph()));
  runner.activate();
  std::vector<float> x(kCount, 3);
  std::vector<float> y(kCount, -1);
  const BufferMap inputs{{"x", Buffer::host(DataType::kFloat32, kShape, x.data())}};
  const BufferMap outputs{{"y", Buffer::host(DataType::kFloat32, kShape, y.data())}};
  Inference inference = runner.infer_async(inputs, outputs);
  x.assign(kCount, 99);
  EXPECT_FALSE(inference.done());
  EXPECT_EQ(y[0], -1) << "nobody has waited";
  inference.wait();
  EXPECT_TRUE(inference.done());
  EXPECT_EQ(y, std::vector<float>(kCount, 3));
  EXPECT_EQ(gpu.synchronizations, 1);
}

TEST_F(CudaBuffers, NewAddressesCostNeitherMemoryNorAGraphNorAWait) {
  EngineRunner runner(engine_of(relu_graph()));
  runner.activate();
  GpuFloats first(1), second(2), third(3);
  GpuFloats y(-1), z(-1);
  BufferMap inputs{{"x", first.buffer()}};
  BufferMap outputs{{"y", y.buffer()}};
  const CUstream stream = new_stream();
  runner.enqueue(inputs, outputs, {stream});
  const int allocations = gpu.allocations;
  const int graphs = gpu.graphs;
  EXPECT_THAT(gpu.launches, ElementsAre("copy", "unary_f32", "copy"));
  synchronize(stream);
  EXPECT_EQ(y.front(), 1);

  gpu.synchronizations = 0;
  inputs["x"] = second.buffer();
  runner.enqueue(inputs, outputs, {stream});
  EXPECT_EQ(gpu.address_changes, 1) << "the output stayed where it was";
  inputs["x"] = third.buffer();
  outputs["y"] = z.buffer();
  runner.enqueue(inputs, outputs, {stream});
  EXPECT_EQ(gpu.address_changes, 3);
  runner.enqueue(inputs, outputs, {stream});
  EXPECT_EQ(gpu.address_changes, 3);
  EXPECT_EQ(gpu.allocations, allocations);
  EXPECT_EQ(gpu.graphs, graphs);
  EXPECT_EQ(gpu.synchronizations, 0);
  synchronize(stream);
  EXPECT_EQ(y.front(), 2) << "what was enqueued before keeps its addresses";
  EXPECT_EQ(z.front(), 3);
}

TEST_F(CudaBuffers, ACallersStreamIsTheOrder) {
  EngineRunner runner(engine_of(relu_graph()));
  runner.activate();
  GpuFloats x(-1), y(-1);
  const CUstream stream = new_stream();
  float seen = 0;
  enqueue_on_fake_stream(stream, [&] { x.fill(5); });
  runner.enqueue({{"x", x.buffer()}}, {{"y", y.buffer()}}, {stream});
  enqueue_on_fake_stream(stream, [&] { seen = y.front(); });
  EXPECT_EQ(y.front(), -1);
  synchronize(stream);
  EXPECT_EQ(seen, 5);
}

TEST_F(CudaBuffers, OneRunnersInferencesFollowEachOtherAcrossStreams) {
  EngineRunner runner(engine_of(relu_graph()));
  runner.activate();
  GpuFloats x1(1), x2(2), y1(-1), y2(-1);
  const CUstream a = new_stream();
  const CUstream b = new_stream();
  runner.enqueue({{"x", x1.buffer()}}, {{"y", y1.buffer()}}, {a});
  runner.enqueue({{"x", x2.buffer()}}, {{"y", y2.buffer()}}, {b});
  synchronize(b);
  EXPECT_EQ(y1.front(), 1) << "both work in the same memory, so the first comes first";
  EXPECT_EQ(y2.front(), 2);

  runner.enqueue({{"x", x1.buffer()}}, {{"y", y2.buffer()}}, {a});
  const TensorMap out =
      runner.infer({{"x", Tensor::from<float>(kShape, std::vector<float>(8, 7))}});
  EXPECT_EQ(out.at("y").data<float>()[0], 7);
  EXPECT_EQ(y2.front(), 1);
}

// The default stream's handle is null.
TEST_F(CudaBuffers, TheDefaultStreamIsAStream) {
  EngineRunner runner(engine_of(relu_graph()));
  runner.activate();
  GpuFloats x(4), y(-1);
  runner.enqueue({{"x", x.buffer()}}, {{"y", y.buffer()}}, {});
  synchronize(nullptr);
  EXPECT_EQ(y.front(), 4);
}

TEST_F(CudaBuffers, KindsOfMemoryMayDifferByPort) {
  EngineRunner runner(engine_of(relu_graph()));
  runner.activate();
  GpuFloats x(6);
  std::vector<float> y(kCount, -1);
  const BufferMap outputs{{"y", Buffer::host(DataType::kFloat32, kShape, y.data())}};
  const CUstream stream = new_stream();
  enqueue_on_fake_stream(stream, [&] { x.fill(8); });
  runner.infer_async({{"x", x.buffer()}}, outputs, {stream}).wait();
  EXPECT_EQ(y[0], 8);

  void* pinned = nullptr;
  backend_driver.cuMemHostAlloc(&pinned, kCount * sizeof(float), 0);
  auto* const values = static_cast<float*>(pinned);
  std::fill_n(values, kCount, 1.0F);
  {
    const Buffer buffer = Buffer::pinned(DataType::kFloat32, kShape, pinned);
    Inference inference = runner.infer_async({{"x", buffer}}, outputs);
    std::fill_n(values, kCount, 2.0F);
    inference.wait();
    EXPECT_EQ(y[0], 2) << "pinned memory is read by the GPU when it comes to it";
  }
  backend_driver.cuMemFreeHost(pinned);
}

TEST_F(CudaBuffers, WhateverEndsAnInferenceWritesItsOutputs) {
  std::vector<float> y(kCount, -1);
  const BufferMap outputs{{"y", Buffer::host(DataType::kFloat32, kShape, y.data())}};
  const auto inputs = [](float value) {
    return BufferMap{
        {"x", Buffer::of(Tensor::from<float>(kShape, std::vector<float>(kCount, value)))}};
  };
  const Engine engine = engine_of(relu_graph());
  {
    EngineRunner runner(engine);
    runner.activate();
    { const Inference dropped = runner.infer_async(inputs(1), outputs); }
    EXPECT_EQ(y[0], 1) << "its destructor";
    Inference first = runner.infer_async(inputs(2), outputs);
    std::vector<float> z(kCount, -1);
    Inference second =
        runner.infer_async(inputs(3), {{"y", Buffer::host(DataType::kFloat32, kShape, z.data())}});
    EXPECT_EQ(y[0], 2) << "the next inference";
    EXPECT_TRUE(first.done());
    EXPECT_FALSE(second.done());
    first.wait();
    EXPECT_EQ(z[0], -1) << "waiting for the first one again does not finish the second";
    runner.infer({{"x", Tensor(DataType::kFloat32, kShape)}});
    EXPECT_EQ(z[0], 3);
    first = runner.infer_async(inputs(4), outputs);
    runner.deactivate();
    EXPECT_EQ(y[0], 4) << "deactivate()";
    EXPECT_TRUE(first.done());
    first.wait();
    runner.activate();
    first = runner.infer_async(inputs(5), outputs);
    second = std::move(first);
    EXPECT_EQ(y[0], 4);
    second = Inference();
    EXPECT_EQ(y[0], 5) << "assignment";
    first = runner.infer_async(inputs(6), outputs);
    gpu.synchronize = CUDA_ERROR_ILLEGAL_ADDRESS;
    EXPECT_THROW(first.wait(), Error);
    EXPECT_THROW(first.wait(), Error);
    gpu.synchronize = CUDA_SUCCESS;
    first = runner.infer_async(inputs(7), outputs);
    // The runner ends first.
    static Inference outlives;
    outlives = std::move(first);
  }
  EXPECT_EQ(y[0], 7) << "the runner's destructor";
}

TEST_F(CudaBuffers, LayersOnTheHostGetWhatIsOnTheGpu) {
  EngineRunner runner(engine_of(graph_with_a_sum()));
  runner.activate();
  GpuFloats x(-1), y(-1);
  const CUstream stream = new_stream();
  enqueue_on_fake_stream(stream, [&] { x.fill(2); });
  runner.enqueue({{"x", x.buffer()}}, {{"y", y.buffer()}}, {stream});
  EXPECT_EQ(y.data()[0], 2) << "there it waits";
  EXPECT_EQ(y.data()[3], 8);
  std::vector<float> host(kCount, -1);
  x.fill(1);
  runner
      .infer_async({{"x", x.buffer()}},
                   {{"y", Buffer::host(DataType::kFloat32, kShape, host.data())}})
      .wait();
  EXPECT_EQ(host[3], 4);
}

TEST_F(CudaBuffers, OneValueMayBeTwoOutputs) {
  GraphBuilder b;
  const ValueId x = b.input("x", kShape);
  const ValueId r = b.node(Unary{UnaryKind::kRelu}, {x}, "r");
  b.output(r);
  b.output(b.node(Flatten{}, {r}, "flat"));
  EngineRunner runner(engine_of(b.done()));
  runner.activate();
  GpuFloats in(3), out(-1), flat(-1);
  runner
      .infer_async(
          {{"x", in.buffer()}},
          {{"r", out.buffer()}, {"flat", Buffer::cuda(DataType::kFloat32, {2, 4}, flat.data())}})
      .wait();
  EXPECT_EQ(out.front(), 3);
  EXPECT_EQ(flat.front(), 3);
}

TEST_F(CudaBuffers, WhatDoesNotFitIsSaid) {
  gpu.count = 2;
  EngineRunner runner(engine_of(relu_graph()), "runner");
  GpuFloats x(1), y(1), elsewhere(1, 1);
  const BufferMap in{{"x", x.buffer()}};
  const BufferMap out{{"y", y.buffer()}};
  std::vector<float> host(kCount);
  const auto message = [&](const BufferMap& inputs, const BufferMap& outputs) -> std::string {
    try {
      runner.infer_async(inputs, outputs).wait();
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kUsage) << error.what();
      return error.what();
    }
    return "no error";
  };
  EXPECT_THAT(message(in, out), HasSubstr("Must be activated"));
  runner.activate();
  EXPECT_EQ(message(in, out), "no error");
  const auto floats = [&](auto* address, Shape shape = kShape) {
    return Buffer::cuda(DataType::kFloat32, shape, address);
  };
  EXPECT_THAT(message({}, out), HasSubstr("input 'x' (float32(2, 4)) is missing"));
  EXPECT_THAT(message({{"x", x.buffer()}, {"w", x.buffer()}}, out), HasSubstr("no input 'w'"));
  EXPECT_THAT(message({{"x", Buffer::cuda(DataType::kFloat16, kShape, x.data())}}, out),
              HasSubstr("has type float16, expected float32"));
  EXPECT_THAT(message({{"x", floats(x.data(), {4, 2})}}, out), HasSubstr("(4, 2)"));
  EXPECT_THAT(message(in, {}), HasSubstr("output 'y' (float32(2, 4)) has no buffer"));
  EXPECT_THAT(message(in, {{"y", y.buffer()}, {"z", y.buffer()}}), HasSubstr("no output 'z'"));
  EXPECT_THAT(message(in, {{"y", floats(y.data(), {1, 4})}}),
              HasSubstr("is float32(1, 4), expected float32(2, 4)"));
  EXPECT_THAT(message(in, {{"y", floats(static_cast<const float*>(y.data()))}}),
              HasSubstr("read-only"));
  EXPECT_THAT(message({{"x", elsewhere.buffer()}}, out),
              HasSubstr("input 'x' lies on GPU 1, but the engine runs on GPU 0"));
  EXPECT_THAT(message({{"x", floats(elsewhere.data())}}, out), HasSubstr("is in memory of GPU 1"));
  EXPECT_THAT(message({{"x", floats(host.data())}}, out), HasSubstr("ordinary host memory"));
  EXPECT_THAT(message(in, {{"y", Buffer::host(DataType::kFloat32, kShape, y.data())}}),
              HasSubstr("output 'y' is said to lie in host memory, but its address"));
  EXPECT_THAT(message({{"x", Buffer::pinned(DataType::kFloat32, kShape, host.data())}}, out),
              HasSubstr("said to lie in pinned host memory"));
  EXPECT_EQ(message(in, out), "no error") << "nothing of that stays";
  try {
    runner.enqueue(in, {{"y", Buffer::host(DataType::kFloat32, kShape, host.data())}}, {});
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("runner: output 'y' lies in host memory"));
  }
}

TEST_F(CudaBuffers, ATensorOfDlpackIsReadInPlaceAndGivenBack) {
  EngineRunner runner(engine_of(relu_graph()));
  runner.activate();
  GpuFloats x(9), y(-1);
  int64_t shape[] = {2, 4};
  static int deleted = 0;
  deleted = 0;
  dlpack::DLManagedTensor managed{
      {x.data(), {dlpack::kDLCUDA, 0}, 2, {dlpack::kDLFloat, 32, 1}, shape, nullptr, 0},
      nullptr,
      [](dlpack::DLManagedTensor*) { ++deleted; }};
  {
    const BufferMap inputs{{"x", buffer_from_dlpack(&managed)}};
    runner.infer_async(inputs, {{"y", y.buffer()}}).wait();
    EXPECT_EQ(deleted, 0);
  }
  EXPECT_EQ(deleted, 1);
  EXPECT_EQ(y.front(), 9);
}

}  // namespace
}  // namespace tendon
