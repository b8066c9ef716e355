// Debian builds oneDNN for OpenMP, and libgomp's threads spin for milliseconds, hold each other up
// when one of their cores is busy and cannot be seen by ThreadSanitizer. oneDNN calls six of its
// functions; these definitions come before libgomp's in the order of symbol lookup and run oneDNN's
// regions on Team. Calls from anywhere else go on to libgomp, so a program may use OpenMP as well.
#include "base/openmp.h"

#include <dlfcn.h>
#include <link.h>
#include <sched.h>

#include <cstring>

#include "base/parallel.h"
#include "base/team.h"

extern "C" {
void GOMP_parallel(void (*function)(void*), void* data, unsigned threads, unsigned flags);
void GOMP_barrier();
int omp_get_max_threads();
int omp_get_num_threads();
int omp_get_thread_num();
int omp_in_parallel();
}

namespace tendon {
namespace {

/// The next definition of a function in the order of lookup: libgomp's, or null.
template <class Function>
Function next(const char* name) {
  return reinterpret_cast<Function>(dlsym(RTLD_NEXT, name));
}

struct Next {
  decltype(&::GOMP_parallel) parallel = next<decltype(parallel)>("GOMP_parallel");
  decltype(&::GOMP_barrier) barrier = next<decltype(barrier)>("GOMP_barrier");
  decltype(&::omp_get_max_threads) max_threads = next<decltype(max_threads)>("omp_get_max_threads");
  decltype(&::omp_get_num_threads) num_threads = next<decltype(num_threads)>("omp_get_num_threads");
  decltype(&::omp_get_thread_num) thread_num = next<decltype(thread_num)>("omp_get_thread_num");
  decltype(&::omp_in_parallel) in_parallel = next<decltype(in_parallel)>("omp_in_parallel");
};

const Next& libgomp() {
  static const Next next;
  return next;
}

/// The addresses of oneDNN's code.
struct Range {
  uintptr_t begin = 0;
  uintptr_t end = 0;
};

int find_onednn(dl_phdr_info* info, size_t, void* result) {
  const char* file = std::strrchr(info->dlpi_name, '/');
  if (std::strncmp(file == nullptr ? info->dlpi_name : file + 1, "libdnnl.", 8) != 0) return 0;
  auto& range = *static_cast<Range*>(result);
  for (int i = 0; i < info->dlpi_phnum; ++i) {
    const auto& segment = info->dlpi_phdr[i];
    if (segment.p_type != PT_LOAD || (segment.p_flags & PF_X) == 0) continue;
    range.begin = info->dlpi_addr + segment.p_vaddr;
    range.end = range.begin + segment.p_memsz;
  }
  return 1;
}

bool is_onednn(const void* caller) {
  static const Range range = [] {
    Range found;
    dl_iterate_phdr(find_onednn, &found);
    return found;
  }();
  const auto address = reinterpret_cast<uintptr_t>(caller);
  return address >= range.begin && address < range.end;
}

bool is_in_parallel() {
  if (Team::place().members > 1) return true;
  return libgomp().in_parallel != nullptr && libgomp().in_parallel() != 0;
}

int usable_cores() {
  cpu_set_t cores;
  return sched_getaffinity(0, sizeof cores, &cores) == 0 ? CPU_COUNT(&cores) : 1;
}

}  // namespace

int openmp_max_threads() {
  static const int cores = usable_cores();
  return libgomp().max_threads != nullptr ? libgomp().max_threads() : cores;
}

bool serves_openmp() {
  Dl_info winner{}, here{};
  return dladdr(dlsym(RTLD_DEFAULT, "GOMP_parallel"), &winner) != 0 &&
         dladdr(reinterpret_cast<const void*>(&openmp_max_threads), &here) != 0 &&
         winner.dli_fbase == here.dli_fbase;
}

}  // namespace tendon

// Inlined, so that the return address is the one of the function that asks.
[[gnu::always_inline]] static inline bool called_by_onednn() {
  return tendon::is_onednn(__builtin_return_address(0));
}

void GOMP_parallel(void (*function)(void*), void* data, unsigned threads, unsigned flags) {
  if (!called_by_onednn() && tendon::libgomp().parallel != nullptr) {
    tendon::libgomp().parallel(function, data, threads, flags);
    return;
  }
  const int wanted = threads > 0 ? static_cast<int>(threads) : tendon::thread_count();
  tendon::Team::of_this_thread().run(tendon::is_in_parallel() ? 1 : wanted, function, data);
}

void GOMP_barrier() {
  if (!called_by_onednn() && tendon::libgomp().barrier != nullptr) {
    tendon::libgomp().barrier();
  } else {
    tendon::Team::barrier();
  }
}

int omp_get_max_threads() {
  return called_by_onednn() ? tendon::thread_count() : tendon::openmp_max_threads();
}

int omp_get_num_threads() {
  if (called_by_onednn() || tendon::libgomp().num_threads == nullptr) {
    return tendon::Team::place().members;
  }
  return tendon::libgomp().num_threads();
}

int omp_get_thread_num() {
  if (called_by_onednn() || tendon::libgomp().thread_num == nullptr) {
    return tendon::Team::place().member;
  }
  return tendon::libgomp().thread_num();
}

int omp_in_parallel() {
  if (called_by_onednn() || tendon::libgomp().in_parallel == nullptr) {
    return tendon::is_in_parallel() ? 1 : 0;
  }
  return tendon::libgomp().in_parallel();
}
