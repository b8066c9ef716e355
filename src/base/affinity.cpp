#include "base/affinity.h"

#include <pthread.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <fstream>
#include <map>

#include "base/format.h"
#include "base/team.h"

namespace tendon {
namespace {

constexpr const char* kForm = "'auto', or numbers and ranges such as 0,2-5";

[[noreturn]] void fail_form(std::string_view text) {
  fail(ErrorKind::kUsage, "'{}' names no CPUs; expected {}", text, kForm);
}

/// The lowest-numbered hardware thread of the CPU's physical core.
int physical_core(int cpu) {
  std::ifstream file(
      fmt::format("/sys/devices/system/cpu/cpu{}/topology/thread_siblings_list", cpu));
  int first = cpu;
  return file >> first ? first : cpu;
}

/// The first hardware thread of every core, then the second of every core, and so on.
std::vector<int> by_physical_core(const std::vector<int>& cpus) {
  std::map<int, int> used;
  std::vector<std::pair<int, int>> order;
  for (const int cpu : cpus) order.emplace_back(used[physical_core(cpu)]++, cpu);
  std::ranges::sort(order);
  std::vector<int> sorted;
  for (const auto& [turn, cpu] : order) sorted.push_back(cpu);
  return sorted;
}

/// A number that ends where the text or the next separator does.
int number_from(std::string_view& rest, std::string_view text) {
  int number = 0;
  const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), number);
  if (error != std::errc() || number < 0 || number >= CPU_SETSIZE) fail_form(text);
  rest.remove_prefix(static_cast<size_t>(end - rest.data()));
  return number;
}

std::vector<int> listed_cpus(std::string_view text) {
  std::vector<int> cpus;
  std::string_view rest = text;
  do {
    if (!cpus.empty()) rest.remove_prefix(1);
    const int first = number_from(rest, text);
    int last = first;
    if (rest.starts_with('-')) {
      rest.remove_prefix(1);
      last = number_from(rest, text);
    }
    if (last < first) fail_form(text);
    for (int cpu = first; cpu <= last; ++cpu) cpus.push_back(cpu);
  } while (rest.starts_with(','));
  if (!rest.empty()) fail_form(text);
  return cpus;
}

}  // namespace

std::vector<int> usable_cpus() {
  std::vector<int> cpus;
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) != 0) return cpus;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &set)) cpus.push_back(cpu);
  }
  return cpus;
}

std::vector<int> cpus_from_text(std::string_view text, int threads) {
  const std::vector<int> usable = usable_cpus();
  std::vector<int> cpus = text == "auto" ? by_physical_core(usable) : listed_cpus(text);
  for (size_t i = 0; i < cpus.size(); ++i) {
    if (std::ranges::count(usable, cpus[i]) == 0) {
      fail(ErrorKind::kUsage, "CPU {} of '{}' is not among those that may be used: {}", cpus[i],
           text, fmt::join(usable, ", "));
    }
    if (std::find(cpus.begin(), cpus.begin() + static_cast<int64_t>(i), cpus[i]) !=
        cpus.begin() + static_cast<int64_t>(i)) {
      fail(ErrorKind::kUsage, "'{}' names CPU {} twice", text, cpus[i]);
    }
  }
  if (cpus.size() < static_cast<size_t>(threads)) {
    fail(ErrorKind::kUsage,
         "'{}' are {} CPU(s) for {} threads; name one for each, or ask for fewer "
         "threads",
         text, cpus.size(), threads);
  }
  cpus.resize(static_cast<size_t>(threads));
  return cpus;
}

void move_thread(pthread_t thread, const cpu_set_t& cpus) {
  const int error = pthread_setaffinity_np(thread, sizeof cpus, &cpus);
  if (error == 0) return;
  fail(ErrorKind::kUnsupported, "cannot run threads on the CPUs that were asked for: {}",
       std::strerror(error));
}

PinScope::PinScope(std::span<const int> cpus) {
  Team& team = Team::of_this_thread();
  if (cpus.empty() && !team.is_pinned()) return;
  pthread_getaffinity_np(pthread_self(), sizeof before_, &before_);
  team.pin(cpus, before_);
  if (cpus.empty()) return;
  cpu_set_t own;
  CPU_ZERO(&own);
  CPU_SET(cpus[0], &own);
  move_thread(pthread_self(), own);
  pinned_ = true;
}

PinScope::~PinScope() {
  if (pinned_) pthread_setaffinity_np(pthread_self(), sizeof before_, &before_);
}

}  // namespace tendon
