// Hands out names that are not yet taken, in constant time even where all ask for the same one.
#pragma once

#include <string>
#include <unordered_map>

#include "base/format.h"

namespace tendon {

class UniqueNames {
 public:
  /// False when the name is empty or taken.
  bool reserve(const std::string& name) { return !name.empty() && next_.emplace(name, 1).second; }

  /// `wanted` where it is free, else `fallback`, else `fallback` with a number.
  std::string take(const std::string& wanted, const std::string& fallback) {
    if (reserve(wanted)) return wanted;
    std::string name = fallback;
    while (!reserve(name)) name = fmt::format("{}_{}", fallback, next_[fallback]++);
    return name;
  }
  std::string take(const std::string& wanted) { return take(wanted, wanted); }

 private:
  /// Every taken name with the next number to try behind it.
  std::unordered_map<std::string, int> next_;
};

}  // namespace tendon
