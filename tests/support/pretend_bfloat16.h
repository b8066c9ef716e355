// Bfloat16 kernels for tests, whatever the CPU has.
#pragma once

#include "backends/cpu/bfloat16.h"

namespace tendon::testing {

/// While it lives, the cpu backend offers bfloat16 kernels, or does not.
class PretendBfloat16 {
 public:
  explicit PretendBfloat16(bool present) { cpu::pretend_bfloat16(present); }
  ~PretendBfloat16() { cpu::pretend_bfloat16(std::nullopt); }
  PretendBfloat16(const PretendBfloat16&) = delete;
  PretendBfloat16& operator=(const PretendBfloat16&) = delete;
};

}  // namespace tendon::testing
