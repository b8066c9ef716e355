#include "quant/exact_sum.h"

#include <gtest/gtest.h>

namespace tendon {
namespace {

TEST(ExactSum, OrderDoesNotMatter) {
  const double terms[] = {1e11, 1e-9, -1e11, 3.25, -7e-10, 1.0 / 3};
  ExactSum forward, backward;
  for (const double term : terms) EXPECT_TRUE(forward.add(term));
  for (auto term = std::rbegin(terms); term != std::rend(terms); ++term) backward.add(*term);
  EXPECT_EQ(forward, backward);
  EXPECT_NEAR(forward.value(), 3.25 + 1.0 / 3 + 3e-10, 1e-15);
}

TEST(ExactSum, RefusesWhatIsOutOfReach) {
  ExactSum sum;
  EXPECT_FALSE(sum.add(0x1p40));
  EXPECT_FALSE(sum.add(-0x1p41));
  EXPECT_FALSE(sum.add(std::nan("")));
  EXPECT_EQ(sum, ExactSum());
}

TEST(ExactSum, CutsEachTermToItsUnit) {
  for (const double size : {0.0, 0x1p-1074, 1e-300, 0x1p-61, 0x1.8p-60, 1.7e-18, 3e-9, 1.0 / 3, 1.0,
                            12345.6789, 0x1.fffffffffffffp39}) {
    for (const double term : {size, -size}) {
      ExactSum sum;
      ASSERT_TRUE(sum.add(term));
      EXPECT_EQ(sum.value(), std::trunc(term * 0x1p60) / 0x1p60) << term;
    }
  }
}

TEST(ExactSum, TextRoundTrip) {
  for (const double value : {0.0, 1.0, -1.0, 0x1p39, -0x1.8p-59, 12345.6789}) {
    ExactSum sum;
    sum.add(value);
    EXPECT_EQ(ExactSum::from_text(sum.to_text()), sum) << sum.to_text();
  }
  for (const char* bad :
       {"", "-", "12g", "+1", "0x1", "1 ", "A", "00000000000000000000000000000000"}) {
    EXPECT_EQ(ExactSum::from_text(bad), std::nullopt) << bad;
  }
}

}  // namespace
}  // namespace tendon
