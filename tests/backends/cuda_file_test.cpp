// Engine files of GPUs elsewhere, and the memory that engines say they take.
#include <gmock/gmock.h>

#include "backends/cuda/backend.h"
#include "backends/reference/reference.h"
#include "cuda_driver.h"
#include "engine/context.h"
#include "engine/engine_file.h"
#include "engine/file_format.h"
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

/// x -> FusedMatMul (float16, 64 columns) -> FusedMatMul -> y
Graph graph_of_products() {
  GraphBuilder b;
  ValueId x = b.input("x", {128, 64}, DataType::kFloat16);
  for (const char* name : {"first", "second"}) {
    const ValueId w = b.constant(cast(testing::random_tensor({64, 64}, 3), DataType::kFloat16));
    x = b.node(FusedMatMul{}, {x, w}, name);
  }
  b.output(x);
  return b.done();
}

std::vector<std::string> kernels_in(const CompiledEngine& engine) {
  std::vector<std::string> kernels;
  for (const LayerRecord& layer : engine.layers()) kernels.push_back(layer.kernel);
  return kernels;
}

/// Bytes of an engine for a fake GPU of this architecture.
std::vector<std::byte> file_for(int architecture) {
  reset_fake_gpu().architecture = architecture;
  CudaBackend backend(fake_driver(), 0);
  Backend* const backends[] = {&backend, &reference_backend()};
  return bytes_from_compiled_engine(
      *build_engine(graph_of_products(), {.device = "cuda", .optimise = false}, backends));
}

TEST(CudaFile, AnotherKindOfGpuChoosesItsKernelsAgain) {
  for (const int built_for : {90, 86}) {
    const std::vector<std::byte> file = file_for(built_for);
    const int here = built_for == 90 ? 86 : 90;
    reset_fake_gpu().architecture = here;
    CudaBackend backend(fake_driver(), 0);
    const auto engine = compiled_engine_from_bytes(file, nullptr, "file", [&](std::string_view) {
      return std::vector<Backend*>{&backend, &reference_backend()};
    });
    const std::string kernel = here == 90 ? "wgmma:matmul" : "mma:matmul";
    EXPECT_THAT(kernels_in(*engine), ElementsAre("copy:to_device", kernel, kernel, "copy:to_host"));
    EXPECT_EQ(engine->unavailable(), "");
    EXPECT_THAT(engine->info().fingerprint, HasSubstr(here == 90 ? "sm_90" : "sm_86"));
    ExecutionContext(engine).infer(testing::random_inputs(graph_of_products()));
  }
}

TEST(CudaFile, WithoutItsGpuItIsLookedAtAndNotRun) {
  const std::vector<std::byte> file = file_for(90);
  const auto built = compiled_engine_from_bytes(file, nullptr, "gpu.engine", [](std::string_view) {
    static CudaBackend backend(fake_driver(), 0);
    return std::vector<Backend*>{&backend, &reference_backend()};
  });
  const auto engine = compiled_engine_from_bytes(
      file, nullptr, "gpu.engine", [](std::string_view) -> std::vector<Backend*> {
        throw Error(ErrorKind::kUnsupported, "there is no driver");
      });
  EXPECT_EQ(kernels_in(*engine), kernels_in(*built));
  for (size_t i = 0; i < engine->layers().size(); ++i) {
    const LayerRecord& read = engine->layers()[i];
    const LayerRecord& expected = built->layers()[i];
    EXPECT_EQ(read.name, expected.name);
    EXPECT_EQ(read.outputs, expected.outputs);
    EXPECT_EQ(read.precision, expected.precision);
    EXPECT_EQ(read.bytes_moved, expected.bytes_moved);
  }
  ASSERT_TRUE(engine->device_memory());
  EXPECT_EQ(engine->device_memory()->weights, built->device_memory()->weights);
  EXPECT_EQ(engine->device_memory()->activations, built->device_memory()->activations);
  EXPECT_EQ(engine->device_memory()->pinned, built->device_memory()->pinned);
  EXPECT_EQ(engine->device_memory()->needed, built->device_memory()->needed);
  EXPECT_EQ(engine->info().fingerprint, built->info().fingerprint) << "of where it can run";
  EXPECT_EQ(bytes_from_compiled_engine(*engine).size(), file.size());
  try {
    ExecutionContext context(engine);
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kUnsupported);
    EXPECT_THAT(error.what(), HasSubstr("'gpu.engine' cannot run here: it was built for device "
                                        "'cuda' (cuda: Fake GPU sm_90"));
    EXPECT_THAT(error.what(), HasSubstr("but there is no driver. Run it on"));
  }
}

TEST(CudaFile, AGpuThatCannotTakeItIsSaidAtTheRun) {
  const std::vector<std::byte> file = file_for(90);
  reset_fake_gpu().free_bytes = 1000;
  CudaBackend backend(fake_driver(), 0);
  const auto engine = compiled_engine_from_bytes(file, nullptr, "file", [&](std::string_view) {
    return std::vector<Backend*>{&backend, &reference_backend()};
  });
  EXPECT_THAT(engine->unavailable(), HasSubstr("but only 1000 of its"));
  EXPECT_EQ(engine->layers().size(), 4u);
  reset_fake_gpu();
}

TEST(CudaFile, ADamagedLayerListIsRefused) {
  const std::vector<std::byte> file = file_for(90);
  const auto read = [&](std::string_view from, std::string_view to) {
    std::vector<std::byte> changed = file;
    const std::string_view text(reinterpret_cast<const char*>(changed.data()), changed.size());
    const size_t place = text.find(from);
    ASSERT_NE(place, text.npos);
    ASSERT_EQ(from.size(), to.size());
    std::memcpy(changed.data() + place, to.data(), to.size());
    engine_file::reseal(changed);
    try {
      compiled_engine_from_bytes(changed, nullptr, "file",
                                 [](std::string_view) -> std::vector<Backend*> {
                                   throw Error(ErrorKind::kUnsupported, "there is no driver");
                                 });
      ADD_FAILURE() << to;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kBadInput) << error.what();
      EXPECT_THAT(error.what(), HasSubstr("manifest"));
    }
  };
  read("float16(128, 64)", "float17(128, 64)");
  read("float16(128, 64)", "float16(128,-64)");
  read("float16(128, 64)", "float16(128; 64)");
  read("float16(128, 64)", "float16 128, 64)");
  read("\"device_weights\": 1", "\"device_weights\": -");
}

TEST(CudaFile, MemoryIsWhatTheDriverWasAskedFor) {
  auto& gpu = reset_fake_gpu();
  CudaBackend backend(fake_driver(), 0);
  Backend* const backends[] = {&backend, &reference_backend()};
  const size_t before = gpu.device_bytes;
  const auto engine =
      build_engine(graph_of_products(), {.device = "cuda", .optimise = false}, backends);
  const auto memory = engine->device_memory();
  ASSERT_TRUE(memory);
  EXPECT_EQ(memory->weights, gpu.device_bytes - before);
  EXPECT_EQ(memory->needed, size_t{2} * 64 * 64 * 2 + 2 * 128 * 64 * 2)
      << "both weights, and input and output of a product";
  EXPECT_EQ(memory->pinned, size_t{2} * 128 * 64 * 2);
  {
    ExecutionContext context(engine);
    context.prepare();
    EXPECT_EQ(memory->weights + memory->activations, gpu.device_bytes - before);
  }
  EXPECT_EQ(memory->weights, gpu.device_bytes - before) << "a context gives its part back";
}

}  // namespace
}  // namespace tendon
