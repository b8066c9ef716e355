// parallel_for on libgomp's entry points: they are the same for g++ and clang, need no compiler
// flag and share their threads with oneDNN.
#include "base/parallel.h"

#include <algorithm>
#include <thread>
#include <vector>

#if defined(__has_feature)
#define TENDON_HAS_FEATURE(x) __has_feature(x)
#else
#define TENDON_HAS_FEATURE(x) 0
#endif
#if defined(__SANITIZE_THREAD__) || TENDON_HAS_FEATURE(thread_sanitizer)
// libgomp synchronises in ways that ThreadSanitizer cannot see, so that build uses plain threads.
#define TENDON_PLAIN_THREADS 1
#else
#define TENDON_PLAIN_THREADS 0
#endif

extern "C" {
void GOMP_parallel(void (*function)(void*), void* data, unsigned threads, unsigned flags);
int omp_get_thread_num();
int omp_get_num_threads();
int omp_get_max_threads();
void omp_set_num_threads(int count);
}

namespace tendon {
namespace {

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

int thread_count() { return omp_get_max_threads(); }

void set_thread_count(int count) { omp_set_num_threads(std::max(1, count)); }

void parallel_for(int64_t count, int64_t grain, RangeBody body) {
  if (count <= 0) return;
  grain = std::max<int64_t>(1, grain);
  const int64_t chunks = (count + grain - 1) / grain;
  const auto threads = static_cast<unsigned>(std::min<int64_t>(chunks, thread_count()));
  if (threads <= 1) {
    body(0, count);
    return;
  }
  Job job{count, grain, body};
#if TENDON_PLAIN_THREADS
  std::vector<std::thread> team;
  for (unsigned i = 1; i < threads; ++i) team.emplace_back([&, i] { job.run(i, threads); });
  job.run(0, threads);
  for (std::thread& member : team) member.join();
#else
  GOMP_parallel(
      [](void* data) { static_cast<Job*>(data)->run(omp_get_thread_num(), omp_get_num_threads()); },
      &job, threads, 0);
#endif
}

}  // namespace tendon
