// infer_view allocates nothing after the first call.
#include <gtest/gtest.h>
#include <tendon/loaders.h>
#include <tendon/runner.h>

#include <atomic>
#include <cstdlib>
#include <new>

#include "support/networks.h"
#include "support/sanitizers.h"

#if !TENDON_SANITIZED_ALLOCATOR

namespace {
std::atomic<int64_t> g_news{0};
}

// The compiler takes the pairing of these with malloc and free for a mistake.
#pragma GCC diagnostic ignored "-Wmismatched-new-delete"
void* operator new(size_t size) {
  ++g_news;
  void* const memory = std::malloc(size == 0 ? 1 : size);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}
void* operator new(size_t size, std::align_val_t alignment) {
  ++g_news;
  const auto align = static_cast<size_t>(alignment);
  void* const memory = std::aligned_alloc(align, (size + align - 1) / align * align);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, size_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, size_t, std::align_val_t) noexcept { std::free(memory); }

namespace tendon {
namespace {

TEST(RunnerAllocations, NoneAfterTheFirstCallWithAView) {
  EngineRunner runner(engine_from_network(testing::small_network(), EngineConfig{.threads = 1}));
  runner.activate();
  for (const LayerInfo& layer : runner.engine().layers()) {
    ASSERT_EQ(layer.kernel.find("reference"), std::string::npos) << layer.name;
  }
  const TensorMap inputs = testing::small_inputs();
  runner.infer_view(inputs);
  const int64_t before = g_news;
  for (int i = 0; i < 10; ++i) runner.infer_view(inputs);
  EXPECT_EQ(g_news - before, 0);

  TensorMap out = runner.infer(inputs);
  BufferMap buffers, out_buffers;
  for (const auto& [name, tensor] : inputs) buffers[name] = Buffer::of(tensor);
  for (auto& [name, tensor] : out) out_buffers[name] = Buffer::into(tensor);
  runner.infer_async(buffers, out_buffers).wait();
  const int64_t before_buffers = g_news;
  for (int i = 0; i < 10; ++i) runner.infer_async(buffers, out_buffers).wait();
  EXPECT_EQ(g_news - before_buffers, 0);
}

}  // namespace
}  // namespace tendon

#endif
