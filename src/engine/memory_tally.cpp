#include "engine/memory_tally.h"

namespace tendon {

std::shared_ptr<MemoryTally>& MemoryTally::innermost() {
  thread_local std::shared_ptr<MemoryTally> tally;
  return tally;
}

}  // namespace tendon
