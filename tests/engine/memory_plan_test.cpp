// The memory planner: nothing alive at once overlaps, and little is wasted.
#include "engine/memory_plan.h"

#include <gtest/gtest.h>

#include <random>

namespace tendon {
namespace {

bool overlap(const Lifetime& a, size_t a_at, const Lifetime& b, size_t b_at) {
  const bool in_time = a.first <= b.last && b.first <= a.last;
  const bool in_space = a_at < b_at + b.bytes && b_at < a_at + a.bytes;
  return in_time && in_space;
}

void expect_valid(const std::vector<Lifetime>& buffers, const MemoryPlan& plan) {
  ASSERT_EQ(plan.offsets.size(), buffers.size());
  for (size_t i = 0; i < buffers.size(); ++i) {
    EXPECT_EQ(plan.offsets[i] % kArenaAlignment, 0u);
    EXPECT_LE(plan.offsets[i] + buffers[i].bytes, plan.bytes);
    for (size_t j = 0; j < i; ++j) {
      EXPECT_FALSE(overlap(buffers[i], plan.offsets[i], buffers[j], plan.offsets[j]))
          << "buffers " << j << " and " << i;
    }
  }
}

TEST(MemoryPlan, ReusesWhatIsNoLongerAlive) {
  const std::vector<Lifetime> chain = {{1000, 0, 1}, {1000, 1, 2}, {1000, 2, 3}, {1000, 3, 4}};
  const MemoryPlan plan = plan_memory(chain);
  expect_valid(chain, plan);
  EXPECT_EQ(plan.bytes, 2048u);
  EXPECT_EQ(memory_lower_bound(chain), 2048u);
}

TEST(MemoryPlan, EmptyBuffersTakeNothing) {
  EXPECT_EQ(plan_memory({}).bytes, 0u);
  const std::vector<Lifetime> empty = {{0, 0, 5}, {0, 1, 2}};
  EXPECT_EQ(plan_memory(empty).bytes, 0u);
}

TEST(MemoryPlan, RandomLifetimesNeverOverlapAndStayNearTheLowerBound) {
  double worst = 1;
  double sum = 0;
  constexpr int kCases = 300;
  for (uint32_t seed = 0; seed < kCases; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937 random(seed);
    std::vector<Lifetime> buffers;
    const int count = 1 + static_cast<int>(random() % 120);
    for (int step = 0; step < count; ++step) {
      const int length =
          random() % 8 == 0 ? static_cast<int>(random() % 40) : static_cast<int>(random() % 3);
      buffers.push_back({random() % 100'000, step, step + length});
    }
    const MemoryPlan plan = plan_memory(buffers);
    expect_valid(buffers, plan);
    const double ratio = static_cast<double>(plan.bytes) /
                         static_cast<double>(std::max<size_t>(1, memory_lower_bound(buffers)));
    worst = std::max(worst, ratio);
    sum += ratio;
  }
  EXPECT_LT(sum / kCases, 1.05);
  EXPECT_LT(worst, 1.4);
}

TEST(MemoryPlan, ManyBuffersArePlacedQuickly) {
  std::vector<Lifetime> buffers;
  for (int step = 0; step < 100'000; ++step) {
    buffers.push_back({static_cast<size_t>(64 * (1 + step % 7)), step, step + 1 + step % 3});
  }
  const MemoryPlan plan = plan_memory(buffers);
  EXPECT_LE(plan.bytes, 4 * memory_lower_bound(buffers));
}

}  // namespace
}  // namespace tendon
