#include "base/team.h"

#include <pthread.h>

#include <algorithm>
#include <chrono>
#include <csignal>

#include "base/affinity.h"
#include "base/format.h"
#include "base/futex.h"

namespace tendon {
namespace {

using Clock = std::chrono::steady_clock;

/// The layers of an inference follow each other within this time; waking a thread takes about as
/// long.
constexpr auto kSpin = std::chrono::microseconds(50);
/// Spins between two looks at the clock, which costs more than one.
constexpr int kSpinsPerLook = 64;

thread_local Team::Place t_place;

void relax() {
#if defined(__x86_64__)
  _mm_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

/// Whether `done()` came true within kSpin.
template <class Done>
bool spin_until(const Done& done) {
  const auto end = Clock::now() + kSpin;
  do {
    for (int i = 0; i < kSpinsPerLook; ++i) {
      if (done()) return true;
      relax();
    }
  } while (Clock::now() < end);
  return false;
}

/// Signals are for the program's own threads.
class AllSignalsBlocked {
 public:
  AllSignalsBlocked() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &previous_);
  }
  ~AllSignalsBlocked() { pthread_sigmask(SIG_SETMASK, &previous_, nullptr); }

 private:
  sigset_t previous_;
};

}  // namespace

Team::~Team() {
  if (process_ != getpid()) {
    // After a fork, which copies no helper.
    for (const auto& helper : helpers_) helper->thread.detach();
    return;
  }
  for (const auto& helper : helpers_) {
    if (helper->state.exchange(kStopped) == kAsleep) futex_wake(helper->state);
  }
  for (const auto& helper : helpers_) helper->thread.join();
}

Team& Team::of_this_thread() {
  thread_local Team team;
  return team;
}

const Team::Place& Team::place() { return t_place; }

void Team::add_helpers(int count) {
  if (static_cast<int>(helpers_.size()) >= count) return;
  const AllSignalsBlocked blocked;
  process_ = getpid();
  helpers_.reserve(static_cast<size_t>(count));
  while (static_cast<int>(helpers_.size()) < count) {
    const int member = static_cast<int>(helpers_.size()) + 1;
    auto helper = std::make_unique<Helper>();
    helper->thread = std::thread([this, to = helper.get(), member] { serve(*to, member); });
    pthread_setname_np(helper->thread.native_handle(), fmt::format("tendon-{}", member).c_str());
    helpers_.push_back(std::move(helper));
    if (is_pinned()) place_helper(helpers_.size() - 1);
  }
}

void Team::place_helper(size_t index) {
  cpu_set_t cpus = others_;
  if (index + 1 < pinned_.size()) {
    CPU_ZERO(&cpus);
    CPU_SET(pinned_[index + 1], &cpus);
  }
  move_thread(helpers_[index]->thread.native_handle(), cpus);
}

void Team::pin(std::span<const int> cpus, const cpu_set_t& others) {
  if (std::ranges::equal(cpus, pinned_)) return;
  pinned_.assign(cpus.begin(), cpus.end());
  others_ = others;
  for (size_t i = 0; i < helpers_.size(); ++i) place_helper(i);
}

void Team::serve(Helper& helper, int member) {
  std::atomic<uint32_t>& state = helper.state;
  const auto called = [&] { return state.load(std::memory_order_relaxed) > kAsleep; };
  for (;;) {
    if (!spin_until(called)) {
      uint32_t idle = kIdle;
      if (state.compare_exchange_strong(idle, kAsleep) || idle == kAsleep) {
        futex_wait(state, kAsleep);
      }
      continue;
    }
    uint32_t offered = kOffered;
    if (state.compare_exchange_strong(offered, kRunning)) {
      t_place = {member, members_, this};
      mode_.apply();
      function_(data_);
      if (state.exchange(kIdle) == kAwaited) futex_wake(state);
    } else if (offered == kStopped) {
      return;
    }
  }
}

void Team::run(int members, void (*function)(void*), void* data) {
  const Place outside = t_place;
  if (members <= 1 || outside.members > 1) {
    if (outside.members == 1) return function(data);
    t_place = {0, 1, outside.team};
    function(data);
    t_place = outside;
    return;
  }
  add_helpers(members - 1);
  members_ = members, function_ = function, data_ = data;
  mode_ = FloatMode::current();
  for (int i = 0; i < members - 1; ++i) {
    std::atomic<uint32_t>& state = helpers_[i]->state;
    if (state.exchange(kOffered) == kAsleep) futex_wake(state);
  }
  t_place = {0, members, this};
  function(data);
  take_over();
  for (int i = 0; i < members - 1; ++i) await(*helpers_[i]);
  t_place = outside;
}

void Team::take_over() {
  // Where members meet at a barrier all have begun, so that nothing is left to take.
  for (int i = members_ - 2; i >= 0; --i) {
    uint32_t offered = kOffered;
    if (helpers_[i]->state.compare_exchange_strong(offered, kIdle)) {
      t_place.member = i + 1;
      function_(data_);
    }
  }
}

void Team::await(Helper& helper) {
  std::atomic<uint32_t>& state = helper.state;
  const auto done = [&] { return state.load(std::memory_order_acquire) <= kAsleep; };
  if (spin_until(done)) return;
  uint32_t running = kRunning;
  state.compare_exchange_strong(running, kAwaited);
  while (!done()) futex_wait(state, kAwaited);
}

void Team::barrier() {
  if (t_place.members <= 1) return;
  Team& team = *t_place.team;
  const uint32_t before = team.passed_.load(std::memory_order_acquire);
  if (team.arrived_.fetch_add(1) + 1 == static_cast<uint32_t>(t_place.members)) {
    team.arrived_.store(0);
    team.passed_.fetch_add(1);
    futex_wake(team.passed_);
    return;
  }
  const auto passed = [&] { return team.passed_.load(std::memory_order_acquire) != before; };
  if (spin_until(passed)) return;
  while (!passed()) futex_wait(team.passed_, before);
}

}  // namespace tendon
