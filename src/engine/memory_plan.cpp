// Several placements, by size, by length of life and in order of time; the smallest arena wins.
#include "engine/memory_plan.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <numeric>

namespace tendon {
namespace {

/// Placement by rank looks at every pair; beyond this many buffers only the ordered placement is
/// tried.
constexpr size_t kMaxPairwise = 4096;

size_t rounded(size_t bytes) {
  return (bytes + kArenaAlignment - 1) / kArenaAlignment * kArenaAlignment;
}

/// Each buffer, those of the highest rank first, into the tightest gap between those already placed
/// that are alive with it.
template <class Rank>
MemoryPlan place_by_rank(std::span<const Lifetime> buffers, const Rank& rank) {
  std::vector<size_t> order(buffers.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::ranges::stable_sort(order, std::greater<>(), [&](size_t i) { return rank(buffers[i]); });

  MemoryPlan plan{std::vector<size_t>(buffers.size()), 0};
  std::vector<size_t> by_offset;
  for (const size_t i : order) {
    const Lifetime& buffer = buffers[i];
    const size_t bytes = rounded(buffer.bytes);
    if (bytes == 0) continue;
    size_t end_of_gaps = 0;
    size_t best = SIZE_MAX;
    size_t best_gap = SIZE_MAX;
    for (const size_t other : by_offset) {
      const Lifetime& placed = buffers[other];
      if (placed.last < buffer.first || placed.first > buffer.last) continue;
      const size_t offset = plan.offsets[other];
      if (offset > end_of_gaps) {
        const size_t gap = offset - end_of_gaps;
        if (gap >= bytes && gap < best_gap) {
          best_gap = gap;
          best = end_of_gaps;
        }
      }
      end_of_gaps = std::max(end_of_gaps, offset + rounded(placed.bytes));
    }
    plan.offsets[i] = best == SIZE_MAX ? end_of_gaps : best;
    plan.bytes = std::max(plan.bytes, plan.offsets[i] + bytes);
    by_offset.insert(std::ranges::upper_bound(by_offset, plan.offsets[i], {},
                                              [&](size_t other) { return plan.offsets[other]; }),
                     i);
  }
  return plan;
}

/// Each buffer, in order of first use, into the tightest block that is free at that time.
MemoryPlan place_in_time_order(std::span<const Lifetime> buffers) {
  std::vector<size_t> order(buffers.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::ranges::stable_sort(order, {}, [&](size_t i) { return buffers[i].first; });

  MemoryPlan plan{std::vector<size_t>(buffers.size()), 0};
  std::map<size_t, size_t> free_blocks;
  std::multimap<int, size_t> alive;
  const auto release = [&](size_t offset, size_t bytes) {
    auto next = free_blocks.lower_bound(offset);
    if (next != free_blocks.end() && next->first == offset + bytes) {
      bytes += next->second;
      next = free_blocks.erase(next);
    }
    if (next != free_blocks.begin()) {
      const auto previous = std::prev(next);
      if (previous->first + previous->second == offset) {
        previous->second += bytes;
        return;
      }
    }
    free_blocks.emplace(offset, bytes);
  };
  for (const size_t i : order) {
    const size_t bytes = rounded(buffers[i].bytes);
    if (bytes == 0) continue;
    while (!alive.empty() && alive.begin()->first < buffers[i].first) {
      const size_t other = alive.begin()->second;
      release(plan.offsets[other], rounded(buffers[other].bytes));
      alive.erase(alive.begin());
    }
    auto best = free_blocks.end();
    for (auto block = free_blocks.begin(); block != free_blocks.end(); ++block) {
      if (block->second < bytes) continue;
      if (best == free_blocks.end() || block->second < best->second) best = block;
    }
    if (best != free_blocks.end()) {
      plan.offsets[i] = best->first;
      const size_t left = best->second - bytes;
      free_blocks.erase(best);
      if (left > 0) free_blocks.emplace(plan.offsets[i] + bytes, left);
    } else {
      const bool tail_free =
          !free_blocks.empty() &&
          free_blocks.rbegin()->first + free_blocks.rbegin()->second == plan.bytes;
      plan.offsets[i] = tail_free ? free_blocks.rbegin()->first : plan.bytes;
      if (tail_free) free_blocks.erase(std::prev(free_blocks.end()));
      plan.bytes = plan.offsets[i] + bytes;
    }
    alive.emplace(buffers[i].last, i);
  }
  return plan;
}

}  // namespace

MemoryPlan plan_memory(std::span<const Lifetime> buffers) {
  MemoryPlan best = place_in_time_order(buffers);
  if (buffers.size() > kMaxPairwise) return best;
  const auto consider = [&](const auto& rank) {
    MemoryPlan plan = place_by_rank(buffers, rank);
    if (plan.bytes < best.bytes) best = std::move(plan);
  };
  const auto length = [](const Lifetime& buffer) {
    return static_cast<size_t>(buffer.last - buffer.first) + 1;
  };
  consider([](const Lifetime& buffer) { return buffer.bytes; });
  consider([&](const Lifetime& buffer) { return length(buffer); });
  consider([&](const Lifetime& buffer) { return std::pair(length(buffer) > 4, buffer.bytes); });
  return best;
}

size_t memory_lower_bound(std::span<const Lifetime> buffers) {
  std::map<int, std::pair<size_t, size_t>> changes;
  for (const Lifetime& buffer : buffers) {
    changes[buffer.first].first += rounded(buffer.bytes);
    changes[buffer.last + 1].second += rounded(buffer.bytes);
  }
  size_t alive = 0;
  size_t most = 0;
  for (const auto& [step, change] : changes) {
    alive += change.first;
    alive -= change.second;
    most = std::max(most, alive);
  }
  return most;
}

}  // namespace tendon
