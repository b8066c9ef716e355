// Indices that a kernel reads from a tensor of int32 or int64 while running.
#pragma once

#include "backends/cpu/support.h"

namespace tendon::cpu {

struct Indices {
  const void* data = nullptr;
  DataType dtype = DataType::kInt64;

  int64_t operator[](int64_t i) const {
    return dtype == DataType::kInt64 ? static_cast<const int64_t*>(data)[i]
                                     : static_cast<const int32_t*>(data)[i];
  }
  /// Counted from the front of `count` elements.
  int64_t at(int64_t i, int64_t count) const {
    const int64_t index = (*this)[i];
    return index < 0 ? index + count : index;
  }
  /// Throws Error{kBadInput} unless element i is in [-count, count).
  void check(int64_t i, int64_t count) const {
    const int64_t index = (*this)[i];
    if (index < -count || index >= count) {
      fail_input("index {} is outside [-{}, {})", index, count, count);
    }
  }
};

}  // namespace tendon::cpu
