// The measured ceilings of the CPU.
#include "base/cpu_peak.h"

#include <gtest/gtest.h>

#include "base/parallel.h"

namespace tendon {
namespace {

TEST(CpuPeak, EveryCeilingIsMeasuredOnTheThreadsAskedFor) {
  const int before = thread_count();
  const CpuPeak peak = measure_cpu_peak(1);
  EXPECT_EQ(thread_count(), before);
  // No CPU that this runs on is outside of these, however busy it is.
  for (const double value : {peak.float32, peak.int8, peak.bytes}) {
    EXPECT_GT(value, 1e7);
    EXPECT_LT(value, 1e14);
  }
}

TEST(CpuPeak, Bfloat16GainsNothingWhereItHasNoInstructions) {
  const double gain = measure_bfloat16_gain();
  if (__builtin_cpu_supports("avx512bf16")) {
    EXPECT_GT(gain, 0.2);
    EXPECT_LT(gain, 20);
  } else {
    EXPECT_EQ(gain, 0);
  }
}

TEST(SteadyLoop, RunsOnTheThreadsAskedFor) {
  const int before = thread_count();
  SteadyLoop loop(1, 1e-4);
  EXPECT_GT(loop.run(), 0);
  EXPECT_EQ(thread_count(), before);
}

}  // namespace
}  // namespace tendon
