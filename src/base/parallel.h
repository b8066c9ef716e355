// parallel_for over the team that oneDNN also uses, so that two pools never compete.
#pragma once

#include <cstdint>
#include <functional>

namespace tendon {

/// Threads that parallel_for and oneDNN use when called from this thread. Default: what OpenMP
/// says (OMP_NUM_THREADS, else the cores that the process may use).
int thread_count();
/// For the calling thread; 0: the default.
void set_thread_count(int count);
/// Whether oneDNN's parallel regions run on our threads. They do not where the program has an
/// OpenMP runtime of its own that was linked before Tendon's library.
bool serves_openmp();

/// Sets the calling thread's count for a scope; 0 or less leaves it as it is.
class ThreadCountScope {
 public:
  explicit ThreadCountScope(int count);
  ~ThreadCountScope() { set_thread_count(previous_); }
  ThreadCountScope(const ThreadCountScope&) = delete;
  ThreadCountScope& operator=(const ThreadCountScope&) = delete;

 private:
  int previous_;
};

/// A function and its capture without allocation.
class RangeBody {
 public:
  template <class Function>
  RangeBody(const Function& function)  // NOLINT: implicit on purpose
      : object_(&function), call_([](const void* object, int64_t begin, int64_t end) {
          (*static_cast<const Function*>(object))(begin, end);
        }) {}
  void operator()(int64_t begin, int64_t end) const { call_(object_, begin, end); }

 private:
  const void* object_;
  void (*call_)(const void*, int64_t, int64_t);
};

/// Splits [0, count) into one contiguous range per thread, each a multiple of `grain` but the last,
/// and calls body(begin, end) for each non-empty one. Runs inline when one range suffices. The body
/// must not throw. Allocates nothing.
void parallel_for(int64_t count, int64_t grain, RangeBody body);

}  // namespace tendon
