// How a thread rounds and whether denormal numbers count as zero.
#pragma once

#include <cstdint>

#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

namespace tendon {

/// The calling thread's settings, to be given to another thread.
class FloatMode {
 public:
  static FloatMode current() {
    FloatMode mode;
#if defined(__x86_64__)
    mode.bits_ = _mm_getcsr();
#elif defined(__aarch64__)
    asm volatile("mrs %0, fpcr" : "=r"(mode.bits_));
#endif
    return mode;
  }

  void apply() const {
    if (current().bits_ == bits_) return;
#if defined(__x86_64__)
    _mm_setcsr(static_cast<unsigned>(bits_));
#elif defined(__aarch64__)
    asm volatile("msr fpcr, %0" ::"r"(bits_));
#endif
  }

  /// The same with denormal operands and results taken as zero.
  FloatMode flushing_denormals() const {
    FloatMode mode = *this;
#if defined(__x86_64__)
    mode.bits_ |= 0x8040;  // FTZ and DAZ
#elif defined(__aarch64__)
    mode.bits_ |= uint64_t{1} << 24;  // FZ
#endif
    return mode;
  }

 private:
  uint64_t bits_ = 0;
};

/// Denormal numbers are zero for the calling thread, and for those that parallel_for gives work,
/// until the end of the scope: a kernel that meets them takes tens of times longer.
class FlushDenormalsScope {
 public:
  FlushDenormalsScope() : previous_(FloatMode::current()) {
    previous_.flushing_denormals().apply();
  }
  ~FlushDenormalsScope() { previous_.apply(); }
  FlushDenormalsScope(const FlushDenormalsScope&) = delete;
  FlushDenormalsScope& operator=(const FlushDenormalsScope&) = delete;

 private:
  FloatMode previous_;
};

}  // namespace tendon
