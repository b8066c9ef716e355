// Threads that run a function together, as OpenMP's parallel regions want it.
#pragma once

#include <sched.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <thread>
#include <vector>

#include "base/float_mode.h"

namespace tendon {

/// The calling thread and helpers of its own, which wait between two regions: first spinning, for
/// less time than a robot's control thread would notice, then asleep. A helper that has not begun
/// its part when the caller has finished is not waited for: the caller does it, so that a busy
/// neighbour on a helper's core costs no more than that helper's part.
class Team {
 public:
  /// What a thread is within the region that it runs.
  struct Place {
    int member = 0;
    int members = 1;
    Team* team = nullptr;
  };

  Team() = default;
  ~Team();
  Team(const Team&) = delete;
  Team& operator=(const Team&) = delete;

  /// The calling thread's team. Its helpers end with the thread.
  static Team& of_this_thread();
  /// The calling thread's place in the innermost region; {0, 1} outside of any.
  static const Place& place();
  /// Calls function(data) once for each member 0 to members - 1 and returns when all are done; a
  /// region within a region has one member. Helpers are made at the first call that needs them,
  /// further calls allocate nothing and take no lock. The function must not throw.
  void run(int members, void (*function)(void*), void* data);
  /// From now on member i runs on cpus[i], those beyond on any of `others`; of the caller itself
  /// PinScope takes care. Not within a region. Throws Error{kUnsupported} when the system refuses.
  void pin(std::span<const int> cpus, const cpu_set_t& others);
  bool is_pinned() const { return !pinned_.empty(); }
  /// Waits until all members of the region are here. Either all members call it or none.
  static void barrier();

 private:
  enum State : uint32_t {
    kIdle,     ///< looks for work, spinning
    kAsleep,   ///< has to be woken
    kOffered,  ///< work that nobody has begun
    kRunning,
    kAwaited,  ///< running, and the caller sleeps until the end
    kStopped,
  };
  struct alignas(64) Helper {
    std::atomic<uint32_t> state{kIdle};
    std::thread thread;
  };

  void add_helpers(int count);
  void place_helper(size_t index);
  void serve(Helper& helper, int member);
  void take_over();
  static void await(Helper& helper);

  std::vector<std::unique_ptr<Helper>> helpers_;
  /// That made the helpers.
  int process_ = 0;
  std::vector<int> pinned_;
  cpu_set_t others_{};
  // The region; written before work is offered.
  int members_ = 1;
  void (*function_)(void*) = nullptr;
  void* data_ = nullptr;
  FloatMode mode_;
  // The barrier: members that have come, and how often all have.
  alignas(64) std::atomic<uint32_t> arrived_{0};
  std::atomic<uint32_t> passed_{0};
};

}  // namespace tendon
