// Threads on chosen CPUs, numbered as Linux does.
#pragma once

#include <pthread.h>
#include <sched.h>

#include <span>
#include <string_view>
#include <vector>

namespace tendon {

/// Those that the calling thread may use, in ascending order.
std::vector<int> usable_cpus();

/// One CPU for each thread. "auto": a physical core each as long as there are enough, then the
/// cores' other hardware threads. Else numbers and ranges such as "0,2-5", in the order of the
/// threads; the caller's comes first. Throws Error{kUsage} for another text, a CPU named twice or
/// one that may not be used, and for fewer CPUs than threads.
std::vector<int> cpus_from_text(std::string_view text, int threads);

/// Throws Error{kUnsupported} when the system refuses.
void move_thread(pthread_t thread, const cpu_set_t& cpus);

/// The calling thread and its team's helpers run on these CPUs, one each, until the end of the
/// scope; then the caller may run where it could before. Helpers stay until another scope moves
/// them. Empty: wherever the system puts them. Allocates only when the CPUs change. Throws
/// Error{kUnsupported} when the system refuses.
class PinScope {
 public:
  explicit PinScope(std::span<const int> cpus);
  ~PinScope();
  PinScope(const PinScope&) = delete;
  PinScope& operator=(const PinScope&) = delete;

 private:
  bool pinned_ = false;
  cpu_set_t before_;
};

}  // namespace tendon
