// Regions on threads of our own: every part runs once, whoever runs it.
#include <dlfcn.h>
#include <gtest/gtest.h>
#include <time.h>

#include <array>
#include <functional>
#include <thread>

#include "base/parallel.h"
#include "base/team.h"

namespace tendon {
namespace {

void run(int members, const std::function<void()>& body) {
  Team::of_this_thread().run(
      members, [](void* data) { (*static_cast<std::function<void()>*>(data))(); },
      const_cast<std::function<void()>*>(&body));
}

TEST(Team, EveryMemberRunsOnceWhetherOrNotItsThreadWakes) {
  // More members than cores: some have not begun when the caller has finished its part.
  std::array<std::atomic<int>, 7> runs{};
  for (int region = 1; region <= 300; ++region) {
    run(7, [&] {
      EXPECT_EQ(Team::place().members, 7);
      ++runs.at(static_cast<size_t>(Team::place().member));
    });
    for (const auto& count : runs) EXPECT_EQ(count, region);
    // Some regions find the threads spinning, some find them asleep.
    if (region % 100 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  EXPECT_EQ(Team::place().members, 1);
}

double processor_seconds() {
  timespec time{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

TEST(Team, HelpersSleepSoonAfterARegion) {
  run(4, [] {});
  const double before = processor_seconds();
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  // Processor time, which neighbours do not change; one helper that spun on would use all of it.
  EXPECT_LT(processor_seconds() - before, 0.05);
}

TEST(Team, NobodyPassesABarrierBeforeAllHaveCome) {
  std::atomic<int> arrived = 0;
  for (int region = 0; region < 20; ++region) {
    arrived = 0;
    run(3, [&] {
      for (int round = 1; round <= 3; ++round) {
        ++arrived;
        Team::barrier();
        EXPECT_GE(arrived, 3 * round);
        Team::barrier();
      }
    });
  }
  Team::barrier();
}

TEST(Team, ARegionWithinARegionHasOneMember) {
  std::atomic<int> inner = 0;
  run(2, [&] {
    const int outer = Team::place().member;
    run(2, [&] {
      EXPECT_EQ(Team::place().members, 1);
      ++inner;
    });
    EXPECT_EQ(Team::place().member, outer);
  });
  EXPECT_EQ(inner, 2);
}

TEST(Team, EveryCallingThreadHasItsOwn) {
  std::atomic<int64_t> sum = 0;
  const auto add = [&] {
    const ThreadCountScope count(3);
    for (int i = 0; i < 50; ++i) {
      parallel_for(100, 7, [&](int64_t begin, int64_t end) { sum += end - begin; });
    }
  };
  std::thread first(add);
  std::thread second(add);
  add();
  first.join();
  second.join();
  EXPECT_EQ(sum, 3 * 50 * 100);
}

TEST(ThreadCountScope, LeavesTheDefaultOpen) {
  std::thread([] {
    const int all = thread_count();
    { const ThreadCountScope scope(all + 1); }
    EXPECT_EQ(thread_count(), all);
    const auto set_by_openmp =
        reinterpret_cast<void (*)(int)>(dlsym(RTLD_DEFAULT, "omp_set_num_threads"));
    if (set_by_openmp == nullptr) return;  // a build without oneDNN
    set_by_openmp(all + 2);
    EXPECT_EQ(thread_count(), all + 2);
  }).join();
}

TEST(Team, HelpersTakeDenormalsAsTheCallerDoes) {
  volatile float tiny = 1e-39F;
  std::array<float, 2> results{};
  // The barrier makes both threads take part.
  const auto halve = [&] {
    results.at(static_cast<size_t>(Team::place().member)) = tiny * 0.5F;
    Team::barrier();
  };
  run(2, halve);
  EXPECT_GT(results[0], 0);
  EXPECT_GT(results[1], 0);
  {
    const FlushDenormalsScope flush;
    run(2, halve);
    EXPECT_EQ(results[0], 0);
    EXPECT_EQ(results[1], 0);
  }
  run(2, halve);
  EXPECT_GT(results[0], 0);
  EXPECT_GT(results[1], 0);
}

}  // namespace
}  // namespace tendon
