// Places buffers with known lifetimes into one arena.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace tendon {

inline constexpr size_t kArenaAlignment = 64;

/// One buffer, in use from step `first` to step `last` inclusive.
struct Lifetime {
  size_t bytes = 0;
  int first = 0;
  int last = 0;
};

struct MemoryPlan {
  /// One multiple of kArenaAlignment for each buffer.
  std::vector<size_t> offsets;
  /// Size of the arena.
  size_t bytes = 0;
};

/// Buffers whose lifetimes overlap never share a byte.
MemoryPlan plan_memory(std::span<const Lifetime> buffers);

/// Most bytes alive at one step: no plan can need less.
size_t memory_lower_bound(std::span<const Lifetime> buffers);

}  // namespace tendon
