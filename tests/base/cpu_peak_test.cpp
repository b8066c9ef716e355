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

}  // namespace
}  // namespace tendon
