#include "policy/positions.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

namespace tendon {
namespace {

TEST(Positions, AreTheSinesOfActsPaper) {
  constexpr int64_t kHidden = 8, kRows = 3, kColumns = 2;
  const Tensor table = sine_positions(kHidden, kRows, kColumns);
  ASSERT_EQ(table.shape(), (Shape{kRows * kColumns, kHidden}));
  const auto values = table.data<float>();
  for (int64_t row = 0; row < kRows; ++row) {
    for (int64_t column = 0; column < kColumns; ++column) {
      for (int64_t channel = 0; channel < kHidden; ++channel) {
        const bool vertical = channel < kHidden / 2;
        const int64_t i = channel % (kHidden / 2);
        const double place = vertical ? static_cast<double>(row + 1) / kRows
                                      : static_cast<double>(column + 1) / kColumns;
        const double angle =
            place * 2 * std::numbers::pi / std::pow(10000.0, 2.0 * static_cast<double>(i / 2) / 4);
        const auto at = static_cast<size_t>((row * kColumns + column) * kHidden + channel);
        EXPECT_NEAR(values[at], i % 2 == 0 ? std::sin(angle) : std::cos(angle), 5e-6)
            << row << " " << column << " " << channel;
      }
    }
  }
}

}  // namespace
}  // namespace tendon
