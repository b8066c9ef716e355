// MemoryTally: how much of a device's memory one owner holds, whoever frees it and when.
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <utility>

namespace tendon {

/// What devices allocate on a thread counts for the innermost Scope there; until it is freed.
class MemoryTally {
 public:
  size_t bytes() const { return bytes_; }
  void add(size_t bytes) { bytes_ += bytes; }
  void remove(size_t bytes) { bytes_ -= bytes; }

  /// Null outside of scopes.
  static const std::shared_ptr<MemoryTally>& current() { return innermost(); }

  class Scope {
   public:
    explicit Scope(std::shared_ptr<MemoryTally> tally) : outer_(std::move(innermost())) {
      innermost() = std::move(tally);
    }
    ~Scope() { innermost() = std::move(outer_); }
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    std::shared_ptr<MemoryTally> outer_;
  };

 private:
  static std::shared_ptr<MemoryTally>& innermost();

  std::atomic<size_t> bytes_{0};
};

}  // namespace tendon
