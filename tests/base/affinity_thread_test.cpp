// Pinned threads: which CPUs they run on, and that the caller gets its freedom back.
#include <gtest/gtest.h>

#include <atomic>
#include <mutex>
#include <set>
#include <thread>

#include "base/affinity.h"
#include "base/team.h"
#include "support/files.h"

namespace tendon {
namespace {

using testing::expect_error;

std::vector<int> cpus_of(const cpu_set_t& set) {
  std::vector<int> cpus;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &set)) cpus.push_back(cpu);
  }
  return cpus;
}

TEST(Affinity, TakesListsRangesAndAuto) {
  const std::vector<int> usable = usable_cpus();
  ASSERT_FALSE(usable.empty());
  const auto count = static_cast<int>(usable.size());
  EXPECT_EQ(cpus_from_text(std::to_string(usable[0]), 1), std::vector<int>{usable[0]});
  std::vector<int> all = cpus_from_text("auto", count);
  std::ranges::sort(all);
  EXPECT_EQ(all, usable);
  EXPECT_EQ(cpus_from_text("auto", 1).size(), 1u);
  if (count < 2) return;
  const std::string both = std::to_string(usable[1]) + "," + std::to_string(usable[0]);
  EXPECT_EQ(cpus_from_text(both, 2), (std::vector<int>{usable[1], usable[0]}));
  EXPECT_EQ(cpus_from_text(both, 1), std::vector<int>{usable[1]}) << "the caller's comes first";
  if (usable[1] == usable[0] + 1) {
    const std::string range = std::to_string(usable[0]) + "-" + std::to_string(usable[1]);
    EXPECT_EQ(cpus_from_text(range, 2), (std::vector<int>{usable[0], usable[1]}));
  }
}

TEST(Affinity, RefusesWhatItCannotGive) {
  const std::vector<int> usable = usable_cpus();
  const std::string first = std::to_string(usable[0]);
  for (const char* text :
       {"", "a", "1-", "-1", "0,", ",0", "0-1-2", "3-1", "0 1", "99999", "autos"}) {
    expect_error(ErrorKind::kUsage, {"expected 'auto'"}, [&] { cpus_from_text(text, 1); });
  }
  expect_error(ErrorKind::kUsage, {"CPU 1023", "may be used", first},
               [] { cpus_from_text("1023", 1); });
  expect_error(ErrorKind::kUsage, {"CPU " + first + " twice"},
               [&] { cpus_from_text(first + "," + first, 1); });
  expect_error(ErrorKind::kUsage, {"1 CPU(s) for 2 threads"}, [&] { cpus_from_text(first, 2); });
}

/// The CPUs that each member's thread may use, by whether it is the caller's.
struct Seen {
  std::mutex mutex;
  std::thread::id caller = std::this_thread::get_id();
  std::set<std::vector<int>> of_caller, of_helpers;

  void run(int members) {
    Team::of_this_thread().run(
        members, [](void* data) { static_cast<Seen*>(data)->look(); }, this);
  }
  void look() {
    cpu_set_t set;
    pthread_getaffinity_np(pthread_self(), sizeof set, &set);
    {
      const std::lock_guard lock(mutex);
      (std::this_thread::get_id() == caller ? of_caller : of_helpers).insert(cpus_of(set));
    }
    Team::barrier();
  }
};

TEST(Affinity, EveryMemberHasItsOwnCpuAndTheCallerGetsAllBack) {
  const std::vector<int> usable = usable_cpus();
  if (usable.size() < 2) GTEST_SKIP() << "needs two CPUs";
  // In a thread of its own: its team is new and ends with it.
  std::thread([&] {
    for (int round = 0; round < 2; ++round) {
      const std::vector<int> cpus{usable[1], usable[0]};
      Seen seen;
      {
        const PinScope pinned(cpus);
        seen.run(2);
      }
      EXPECT_EQ(seen.of_caller, (std::set<std::vector<int>>{{usable[1]}}));
      EXPECT_EQ(seen.of_helpers, (std::set<std::vector<int>>{{usable[0]}}));
      EXPECT_EQ(usable_cpus(), usable);
    }
    Seen seen;
    {
      const PinScope free(std::span<const int>{});
      seen.run(2);
    }
    EXPECT_EQ(seen.of_helpers, (std::set<std::vector<int>>{usable})) << "free again";
  }).join();
}

TEST(Affinity, HelpersThatComeLaterArePinnedToo) {
  const std::vector<int> usable = usable_cpus();
  if (usable.size() < 2) GTEST_SKIP() << "needs two CPUs";
  std::thread([&] {
    const std::vector<int> cpus{usable[0], usable[1]};
    const PinScope pinned(cpus);
    Seen seen;
    seen.run(3);
    EXPECT_EQ(seen.of_caller, (std::set<std::vector<int>>{{usable[0]}}));
    EXPECT_EQ(seen.of_helpers, (std::set<std::vector<int>>{{usable[1]}, usable}))
        << "one more member than CPUs";
  }).join();
}

}  // namespace
}  // namespace tendon
