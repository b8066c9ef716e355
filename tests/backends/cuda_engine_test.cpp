// The cuda backend on a driver made of host memory: messages, what is launched and how often.
#include <gmock/gmock.h>

#include "backends/cuda/backend.h"
#include "backends/cuda/support.h"
#include "backends/reference/reference.h"
#include "cuda_driver.h"
#include "engine/context.h"
#include "engine/plan.h"
#include "support/graphs.h"

namespace tendon {
namespace {

using cuda::CudaBackend;
using ::testing::ElementsAre;
using testing::fake_driver;
using testing::GraphBuilder;
using ::testing::HasSubstr;
using testing::reset_fake_gpu;

std::string reason_of(const CudaBackend& backend) { return backend.unavailable().value_or(""); }

TEST(CudaDriver, WhatIsMissingIsSaid) {
  const auto none = cuda::load_driver("libtendon_has_no_such_driver.so");
  ASSERT_TRUE(std::holds_alternative<std::string>(none));
  EXPECT_THAT(std::get<std::string>(none), HasSubstr("there is no NVIDIA driver"));
  EXPECT_THAT(reason_of(CudaBackend(none, 0)), HasSubstr("install the driver"));

  auto& gpu = reset_fake_gpu();
  gpu.version = 11040;
  EXPECT_THAT(reason_of(CudaBackend(fake_driver(), 0)),
              HasSubstr("too old: it supports CUDA 11.4, this build needs "));
  reset_fake_gpu().init = CUDA_ERROR_NO_DEVICE;
  EXPECT_THAT(reason_of(CudaBackend(fake_driver(), 0)), HasSubstr("finds no GPU"));
  reset_fake_gpu().init = CUDA_ERROR_UNKNOWN;
  EXPECT_THAT(reason_of(CudaBackend(fake_driver(), 0)), HasSubstr("fake failure"));
  reset_fake_gpu();
  EXPECT_THAT(reason_of(CudaBackend(fake_driver(), 3)), HasSubstr("this machine has 1 GPU"));
  EXPECT_EQ(reason_of(CudaBackend(fake_driver(), 0)), "");
}

TEST(CudaDevice, TooLittleMemoryIsSaidWithWhatIsFree) {
  auto& gpu = reset_fake_gpu();
  cuda::CudaDevice device(fake_driver(), 0, {});
  gpu.free_bytes = 1000;
  try {
    device.allocate(4096);
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kUnsupported);
    EXPECT_THAT(error.what(), HasSubstr("Fake GPU needs 4096 bytes, but only 1000 of its"));
  }
}

TEST(CudaDevice, AnotherArchitectureIsSaidWithWhatToDo) {
  auto& gpu = reset_fake_gpu();
  gpu.architecture = 75;
  gpu.load = CUDA_ERROR_NO_BINARY_FOR_GPU;
  constexpr cuda::Image kImages[] = {{"gemm", nullptr}};
  cuda::CudaDevice device(fake_driver(), 0, kImages);
  try {
    device.function("gemm", "gemm_f16_64x64");
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kUnsupported);
    EXPECT_THAT(error.what(), HasSubstr("sm_75"));
    EXPECT_THAT(error.what(), HasSubstr("-DTENDON_CUDA_ARCHITECTURES=75"));
  }
}

/// x -> FusedMatMul -> CumSum -> FusedMatMul -> y: the middle has no CUDA kernel.
Graph graph_with_host_layer() {
  GraphBuilder b;
  const ValueId x = b.input("x", {16, 64});
  const ValueId h = b.node(FusedMatMul{}, {x, b.random_constant({64, 64}, "w1")}, "first");
  const ValueId s = b.node(CumSum{}, {h, b.constant(Tensor::scalar(int64_t{1}))}, "sum");
  b.output(b.node(FusedMatMul{}, {s, b.random_constant({64, 8}, "w2")}, "second"));
  return b.done();
}

TEST(CudaEngine, RecordsOnceAndReplaysWithoutAllocating) {
  auto& gpu = reset_fake_gpu();
  CudaBackend backend(fake_driver(), 0);
  Backend* const backends[] = {&backend, &reference_backend()};
  const Graph graph = graph_with_host_layer();
  const auto engine = build_engine(graph, {.device = "cuda", .optimise = false}, backends);
  std::vector<std::string> kernels;
  for (const LayerRecord& layer : engine->layers()) kernels.push_back(layer.kernel);
  EXPECT_THAT(kernels, ElementsAre("copy:to_device", "wgmma:matmul", "copy:to_host", "reference",
                                   "copy:to_device", "simt:dot", "copy:to_host"));
  {
    ExecutionContext context(engine);
    const TensorMap inputs = testing::random_inputs(graph);
    context.infer(inputs);
    const int allocations = gpu.allocations;
    EXPECT_EQ(gpu.graphs, 2);
    EXPECT_THAT(gpu.launches,
                ElementsAre("copy", "wgmma_f32_64x64", "copy", "copy", "row_f32", "copy"));
    context.infer(inputs);
    EXPECT_EQ(gpu.allocations, allocations);
    EXPECT_EQ(gpu.graphs, 2);
    EXPECT_EQ(gpu.graph_launches, 4);
    EXPECT_EQ(gpu.synchronizations, 4) << "one for the host's layer and one at the end";
    gpu.synchronize = CUDA_ERROR_ILLEGAL_ADDRESS;
    EXPECT_THROW(context.infer(inputs), Error);
    gpu.synchronize = CUDA_SUCCESS;
  }
}

// q and k need h, v needs x: only q has to wait for the kernel before it.
TEST(CudaEngine, ProductsDoNotWaitForWhatTheyDoNotRead) {
  GraphBuilder b;
  const ValueId x = b.input("x", {16, 64}, DataType::kFloat16);
  const auto multiply = [&](ValueId a, const char* name) {
    const ValueId w = b.constant(cast(testing::random_tensor({64, 64}, 3), DataType::kFloat16));
    return b.node(FusedMatMul{}, {a, w}, name);
  };
  const ValueId h = b.node(Binary{BinaryKind::kAdd}, {x, x}, "h");
  const ValueId q = multiply(h, "q");
  const ValueId k = multiply(h, "k");
  const ValueId v = multiply(x, "v");
  const ValueId qk = b.node(Binary{BinaryKind::kAdd}, {q, k}, "qk");
  b.output(b.node(Binary{BinaryKind::kAdd}, {qk, v}, "y"));
  auto& gpu = reset_fake_gpu();
  CudaBackend backend(fake_driver(), 0);
  Backend* const backends[] = {&backend, &reference_backend()};
  const Graph graph = b.done();
  const auto engine = build_engine(graph, {.device = "cuda", .optimise = false}, backends);
  ExecutionContext context(engine);
  context.infer(testing::random_inputs(graph));
  EXPECT_THAT(gpu.inputs_pending, ElementsAre(true, false, false));
}

/// Joins two products on the GPU, and a constant if `with_constant`; one more product comes behind.
Graph graph_of_joined_products(bool with_constant) {
  GraphBuilder b;
  const auto half = [](const Shape& shape) {
    return cast(testing::random_tensor(shape, 3), DataType::kFloat16);
  };
  const ValueId x = b.input("x", {16, 64}, DataType::kFloat16);
  const auto multiply = [&](ValueId a) {
    return b.node(FusedMatMul{}, {a, b.constant(half({64, 64}))});
  };
  const ValueId h = b.node(Unary{UnaryKind::kExp}, {x}, "h");
  std::vector<ValueId> parts{multiply(h), multiply(x)};
  if (with_constant) parts.push_back(b.constant(half({2, 64})));
  const ValueId other = b.node(Unary{UnaryKind::kExp}, {x}, "other");
  const ValueId joined = b.node(Concat{}, parts, "joined");
  b.output(multiply(other));
  b.output(b.node(Unary{UnaryKind::kNeg}, {joined}, "y"));
  return b.done();
}

TEST(CudaEngine, ProductsAreMadeWhereTheyAreJoined) {
  for (const bool with_constant : {true, false}) {
    auto& gpu = reset_fake_gpu();
    CudaBackend backend(fake_driver(), 0);
    Backend* const backends[] = {&backend, &reference_backend()};
    const Graph graph = graph_of_joined_products(with_constant);
    const auto engine = build_engine(graph, {.device = "cuda", .optimise = false}, backends);
    ExecutionContext context(engine);
    context.infer(testing::random_inputs(graph));
    EXPECT_EQ(std::ranges::count(gpu.launches, "copy_16"), with_constant ? 1 : 0);
    EXPECT_THAT(gpu.inputs_pending, ElementsAre(true, false, true))
        << "a join that starts no kernel waits for none";
  }
}

// Nothing is recorded then, so kernels that describe tensors to the copy engine make the GPU
// current themselves.
TEST(CudaEngine, RunsStepByStepWhereSomebodyLooksAtTheSteps) {
  auto& gpu = reset_fake_gpu();
  CudaBackend backend(fake_driver(), 0);
  Backend* const backends[] = {&backend, &reference_backend()};
  const Graph graph = graph_with_host_layer();
  const auto engine = build_engine(graph, {.device = "cuda", .optimise = false}, backends);
  ExecutionContext context(engine);
  int steps = 0;
  context.infer(testing::random_inputs(graph), nullptr, [&](const StepResult&) { ++steps; });
  EXPECT_EQ(steps, 3);
  EXPECT_EQ(gpu.graphs, 0);
  EXPECT_THAT(gpu.launches, ::testing::Contains("wgmma_f32_64x64"));
}

TEST(CudaEngine, Tf32IsAPermission) {
  reset_fake_gpu();
  CudaBackend backend(fake_driver(), 0);
  Backend* const backends[] = {&backend, &reference_backend()};
  const auto detail = [&](bool tf32) {
    const auto engine = build_engine(graph_with_host_layer(),
                                     {.device = "cuda", .optimise = false, .tf32 = tf32}, backends);
    return engine->layers()[1].detail;
  };
  EXPECT_THAT(detail(false), HasSubstr("wgmma_f32"));
  EXPECT_THAT(detail(true), HasSubstr("wgmma_tf32"));
  reset_fake_gpu().architecture = 86;
  CudaBackend older(fake_driver(), 0);
  Backend* const with_older[] = {&older, &reference_backend()};
  const auto engine = build_engine(graph_with_host_layer(),
                                   {.device = "cuda", .optimise = false, .tf32 = true}, with_older);
  EXPECT_THAT(engine->layers()[1].detail, HasSubstr("gemm_tf32"))
      << "another architecture has no Hopper kernels";
}

// Images are built for one 16-bit type each.
TEST(CudaEngine, Bfloat16HasImagesOfItsOwn) {
  using enum DataType;
  EXPECT_EQ(cuda::image_of("gemm", {kFloat16, kFloat32}), "gemm");
  EXPECT_EQ(cuda::image_of("gemm", {kFloat32, kBFloat16}), "gemm_bf16");
  for (const DataType type : {kFloat16, kBFloat16}) {
    auto& gpu = reset_fake_gpu();
    CudaBackend backend(fake_driver(), 0);
    Backend* const backends[] = {&backend, &reference_backend()};
    GraphBuilder b;
    const ValueId x = b.input("x", {16, 64}, type);
    const ValueId w = b.constant(cast(testing::random_tensor({64, 64}, 3), type));
    b.output(b.node(FusedMatMul{}, {x, w}, "y"));
    const Graph graph = b.done();
    const auto engine = build_engine(graph, {.device = "cuda", .optimise = false}, backends);
    ExecutionContext context(engine);
    context.infer(testing::random_inputs(graph));
    const std::string kernel = type == kFloat16 ? "wgmma_f16_64x64" : "wgmma_bf16_64x64";
    EXPECT_THAT(gpu.launches, ElementsAre("copy", kernel, "copy"));
  }
}

/// Rows of `width` in `type` -> LayerNormalizationMatMul with `columns` results -> y
Graph graph_of_normalised_rows(int64_t width, DataType type, int64_t columns) {
  GraphBuilder b;
  const ValueId x = b.input("x", {100, width}, type);
  b.output(b.node(LayerNormalizationMatMul{},
                  {x, b.random_constant({width, columns}), b.random_constant({columns}),
                   b.random_constant({width})},
                  "y"));
  return b.done();
}

// x -> enter (weights of 1e-6) -> between -> last: the first one stays in float32, on the GPU.
TEST(CudaEngine, LayersThatFloat16WouldHarmHaveKernelsForFloat32) {
  GraphBuilder b;
  Tensor tiny = testing::random_tensor({64, 64});
  for (float& w : tiny.mutable_data<float>()) w *= 1e-6F;
  ValueId at = b.node(FusedMatMul{}, {b.input("x", {16, 64}), b.constant(tiny)}, "enter");
  at = b.node(FusedMatMul{}, {at, b.random_constant({64, 64}), b.random_constant({64})}, "between");
  at = b.node(Unary{UnaryKind::kRelu}, {at}, "relu");
  b.output(b.node(FusedMatMul{}, {at, b.random_constant({64, 8})}, "last"));
  const Graph graph = b.done();
  reset_fake_gpu();
  CudaBackend backend(fake_driver(), 0);
  Backend* const backends[] = {&backend, &reference_backend()};
  BuildConfig config{.device = "cuda"};
  config.fp16 = true;
  config.half_evidence = {{}, {testing::random_inputs(graph)}, {&reference_backend()}};
  const auto engine = build_engine(graph, config, backends);
  std::map<std::string, DataType> types;
  for (const LayerRecord& layer : engine->layers()) {
    EXPECT_EQ(layer.backend, "cuda") << layer.name;
    types[layer.name] = layer.precision;
  }
  EXPECT_EQ(types.at("enter"), DataType::kFloat32);
  EXPECT_EQ(types.at("between"), DataType::kFloat16) << "what it reads is little beside its bias";
}

TEST(CudaEngine, OneKernelNormalisesRowsAndMultipliesThem) {
  struct Row {
    int64_t width;
    DataType type;
    std::string kernel;
  };
  const Row rows[] = {{512, DataType::kFloat16, "norm_dot_f16"},
                      {512, DataType::kFloat32, "norm_dot_f32"},
                      {512, DataType::kBFloat16, "norm_dot_bf16"},
                      {1024, DataType::kFloat16, "norm_dot_long_f16"},
                      {516, DataType::kFloat32, "norm_dot_long_f32"}};
  for (const Row& row : rows) {
    auto& gpu = reset_fake_gpu();
    CudaBackend backend(fake_driver(), 0);
    Backend* const backends[] = {&backend, &reference_backend()};
    const Graph graph = graph_of_normalised_rows(row.width, row.type, 14);
    const auto engine = build_engine(graph, {.device = "cuda", .optimise = false}, backends);
    ExecutionContext context(engine);
    context.infer(testing::random_inputs(graph));
    EXPECT_THAT(gpu.launches, ElementsAre("copy", row.kernel, "copy"));
  }
}

TEST(CudaEngine, RowsThatFitNoRegistersGoToTheHost) {
  reset_fake_gpu();
  CudaBackend backend(fake_driver(), 0);
  Backend* const backends[] = {&backend, &reference_backend()};
  for (const int64_t width : {514, 1028}) {
    const auto engine = build_engine(graph_of_normalised_rows(width, DataType::kFloat32, 14),
                                     {.device = "cuda", .optimise = false}, backends);
    EXPECT_EQ(engine->layers().size(), 1u);
    EXPECT_EQ(engine->layers()[0].kernel, "reference") << width;
  }
}

/// codes -> QuantizedConv (64 channels, 3x3) -> QuantizedConv (128 channels, stride 2) -> y
Graph graph_of_codes() {
  GraphBuilder b;
  const ValueId x = b.input("x", {1, 16, 16, 64}, DataType::kUInt8);
  const auto convolve = [&](ValueId from, int64_t outputs, int64_t stride, const char* name) {
    QuantizedConv op;
    op.channels_last = true;
    op.pads = {1, 1, 1, 1};
    op.strides = {stride, stride};
    op.y_dtype = DataType::kUInt8;
    const std::vector<float> scale(static_cast<size_t>(outputs), 0.001F);
    return b.node(op,
                  {from, b.constant(Tensor(DataType::kInt8, Shape{outputs, 64, 3, 3})),
                   b.constant(Tensor::from<float>({outputs}, scale))},
                  name);
  };
  b.output(convolve(convolve(x, 64, 1, "first"), 128, 2, "second"));
  return b.done();
}

TEST(CudaEngine, CodesHaveTheirKernels) {
  const auto layers_on = [](int architecture) {
    reset_fake_gpu().architecture = architecture;
    CudaBackend backend(fake_driver(), 0);
    Backend* const backends[] = {&backend, &reference_backend()};
    const auto engine =
        build_engine(graph_of_codes(), {.device = "cuda", .optimise = false}, backends);
    std::vector<std::string> found;
    for (const LayerRecord& layer : engine->layers()) {
      if (layer.type != "QuantizedConv") continue;
      found.push_back(layer.kernel);
      EXPECT_EQ(layer.precision, DataType::kInt8);
      EXPECT_THAT(layer.detail, HasSubstr("_u8_"));
    }
    return found;
  };
  EXPECT_THAT(layers_on(90), ElementsAre("wgmma:int8_patch", "wgmma:int8_conv"));
  EXPECT_THAT(layers_on(86), ElementsAre("mma:int8_conv", "mma:int8_conv"));
  reset_fake_gpu();
}

}  // namespace
}  // namespace tendon
