// A log that keeps to errors while something is tried many times.
#pragma once

#include <algorithm>

#include "base/log.h"

namespace tendon {

/// What `work` returns; the many builds of a search would drown everything else in the log.
template <class Work>
auto quietly(const Work& work) {
  struct Restored {
    Severity before = Logger::global().severity();
    ~Restored() { Logger::global().set_severity(before); }
  } const restored;
  Logger::global().set_severity(std::max(restored.before, Severity::kError));
  return work();
}

}  // namespace tendon
