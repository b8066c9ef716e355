#include "base/parallel.h"

#include <algorithm>

#include "base/openmp.h"
#include "base/team.h"

namespace tendon {
namespace {

/// 0: nobody has set it.
thread_local int t_count = 0;

struct Job {
  int64_t count;
  int64_t grain;
  RangeBody body;

  void run(int64_t thread, int64_t threads) const {
    const int64_t chunks = (count + grain - 1) / grain;
    const int64_t begin = std::min(count, chunks * thread / threads * grain);
    const int64_t end = std::min(count, chunks * (thread + 1) / threads * grain);
    if (begin < end) body(begin, end);
  }
};

}  // namespace

int thread_count() { return t_count > 0 ? t_count : openmp_max_threads(); }

void set_thread_count(int count) { t_count = std::max(0, count); }

ThreadCountScope::ThreadCountScope(int count) : previous_(t_count) {
  if (count > 0) set_thread_count(count);
}

void parallel_for(int64_t count, int64_t grain, RangeBody body) {
  if (count <= 0) return;
  grain = std::max<int64_t>(1, grain);
  const int64_t chunks = (count + grain - 1) / grain;
  const auto threads = static_cast<int>(std::min<int64_t>(chunks, thread_count()));
  if (threads <= 1) {
    body(0, count);
    return;
  }
  Job job{count, grain, body};
  Team::of_this_thread().run(
      threads,
      [](void* data) {
        const Team::Place& place = Team::place();
        static_cast<Job*>(data)->run(place.member, place.members);
      },
      &job);
}

}  // namespace tendon
