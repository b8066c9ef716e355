// infer() allocates nothing after the first call: counted at malloc itself.
#include <gtest/gtest.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>

#include "backends/registry.h"
#include "engine/context.h"
#include "support/graphs.h"
#include "support/toy_backend.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define TENDON_COUNTS_ALLOCATIONS 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define TENDON_COUNTS_ALLOCATIONS 0
#else
#define TENDON_COUNTS_ALLOCATIONS 1
#endif
#else
#define TENDON_COUNTS_ALLOCATIONS 1
#endif

namespace {
std::atomic<int64_t> g_allocations{0};
}

#if TENDON_COUNTS_ALLOCATIONS
// operator new and every library of the process end here.
extern "C" {
void* __libc_malloc(size_t size);
void* __libc_calloc(size_t count, size_t size);
void* __libc_realloc(void* memory, size_t size);
void* __libc_memalign(size_t alignment, size_t size);

void* malloc(size_t size) {
  ++g_allocations;
  return __libc_malloc(size);
}
void* calloc(size_t count, size_t size) {
  ++g_allocations;
  return __libc_calloc(count, size);
}
void* realloc(void* memory, size_t size) {
  ++g_allocations;
  return __libc_realloc(memory, size);
}
void* aligned_alloc(size_t alignment, size_t size) {
  ++g_allocations;
  return __libc_memalign(alignment, size);
}
int posix_memalign(void** memory, size_t alignment, size_t size) {
  ++g_allocations;
  *memory = __libc_memalign(alignment, size);
  return *memory == nullptr ? ENOMEM : 0;
}
}
#endif

namespace tendon {
namespace {

int64_t allocations_of_second_run(ExecutionContext& context, const TensorMap& inputs) {
  context.infer(inputs);
  context.infer(inputs);
  const int64_t before = g_allocations;
  for (int i = 0; i < 10; ++i) context.infer(inputs);
  return g_allocations - before;
}

TEST(Allocation, TheCounterCounts) {
  if (!TENDON_COUNTS_ALLOCATIONS) GTEST_SKIP() << "sanitizers bring their own malloc";
  const int64_t before = g_allocations;
  const Tensor tensor(DataType::kFloat32, {3});
  EXPECT_GT(g_allocations - before, 0);
}

TEST(Allocation, InferAllocatesNothingAfterTheFirstCall) {
  if (!TENDON_COUNTS_ALLOCATIONS) GTEST_SKIP() << "sanitizers bring their own malloc";
  testing::GraphBuilder b;
  ValueId x = b.input("x", {8, 16});
  for (int i = 0; i < 6; ++i) {
    const ValueId side = b.node(Unary{UnaryKind::kTanh}, {x});
    const ValueId view = b.node(Reshape{}, {side, b.ints({8, 16})});
    x = b.node(Binary{BinaryKind::kAdd}, {view, x});
  }
  b.output(x);
  b.output(b.node(Reshape{}, {x, b.ints({128})}));
  const Graph graph = b.done();
  testing::ToyBackend toy;
  Backend* const backends[] = {&toy};
  ExecutionContext context(build_engine(graph, {.optimise = false}, backends));
  EXPECT_EQ(allocations_of_second_run(context, testing::random_inputs(graph)), 0);
}

}  // namespace
}  // namespace tendon
