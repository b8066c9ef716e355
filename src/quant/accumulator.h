// Accumulator: counts the elements of a tensor into ValueStatistics, on all threads.
#pragma once

#include <memory>
#include <span>

#include "ops/elements.h"
#include "quant/value_statistics.h"

namespace tendon {

/// Holds the scratch memory of one thread team. Not for use by two threads at once.
class Accumulator {
 public:
  Accumulator();
  ~Accumulator();
  Accumulator(const Accumulator&) = delete;
  Accumulator& operator=(const Accumulator&) = delete;

  /// Adds the elements of a dense tensor whose channels lie as `split` says to `shares`, each of
  /// which was reset for split.count channels and is one thread's. Merged they depend on the
  /// elements alone, not on their number.
  void add(const float* elements, const AxisSplit& split, std::span<ValueStatistics> shares);

 private:
  struct Part;
  std::vector<std::unique_ptr<Part>> parts_;
};

}  // namespace tendon
