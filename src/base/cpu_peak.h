// What the CPU can do at most, measured by loops that do nothing else: the ceilings to compare
// layers with.
#pragma once

#include <cstdint>

namespace tendon {

/// All a second, on the threads that were asked for.
struct CpuPeak {
  /// Float32 operations of fused multiply-adds, 2 each.
  double float32 = 0;
  /// Operations of 8-bit dot products (VNNI), 2 a multiply-add; where the CPU has none, of the
  /// 16-bit ones that stand in for them. AMX is not counted.
  double int8 = 0;
  /// Bytes read from a buffer beyond the size of caches.
  double bytes = 0;
};

/// Takes about a quarter of a second. Work of other processes lowers it: the best of several rounds
/// counts.
CpuPeak measure_cpu_peak(int threads);

/// A loop of arithmetic that always does the same, on as many threads as an inference: what it
/// takes longer than usual is the machine's doing.
class SteadyLoop {
 public:
  /// `seconds` is how long a run shall take on a machine that does nothing else, at least about
  /// 10 us. Constructing it takes some ten runs.
  SteadyLoop(int threads, double seconds);
  /// Seconds of one run.
  double run();

 private:
  int threads_;
  int64_t rounds_ = 1000;
};

/// How many times as many multiply-adds a second one thread does by bfloat16 dot products
/// (AVX-512 BF16) as by float32's fused ones: 2 on Zen 4, 1 on Sapphire Rapids. 0 where the CPU has
/// none. Takes about 10 ms.
double measure_bfloat16_gain();

}  // namespace tendon
