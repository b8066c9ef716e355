#include "quant/histogram.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>

namespace tendon {
namespace {

Histogram counted(const std::vector<float>& magnitudes) {
  Histogram histogram;
  for (const float x : magnitudes) {
    histogram.widen(Histogram::exponent_for(x));
    histogram.add(x);
  }
  return histogram;
}

std::vector<float> wide_magnitudes(size_t count) {
  std::mt19937_64 generator(7);
  std::vector<float> values;
  for (size_t i = 0; i < count; ++i) {
    const double unit = static_cast<double>(generator() >> 11) * 0x1p-53;
    values.push_back(static_cast<float>(std::exp(30 * unit - 20)));
  }
  return values;
}

TEST(Histogram, DoesNotDependOnTheOrder) {
  std::vector<float> values = wide_magnitudes(5000);
  values.push_back(0);
  const Histogram expected = counted(values);
  std::ranges::sort(values);
  EXPECT_EQ(counted(values), expected);
  std::ranges::reverse(values);
  EXPECT_EQ(counted(values), expected);
}

TEST(Histogram, PartsMergeToTheWhole) {
  const std::vector<float> values = wide_magnitudes(3000);
  const Histogram expected = counted(values);
  Histogram merged = counted({values.begin(), values.begin() + 10});
  merged.merge(counted({values.begin() + 10, values.begin() + 2000}));
  merged.merge(counted({values.begin() + 2000, values.end()}));
  EXPECT_EQ(merged, expected);
  EXPECT_EQ(merged.total(), values.size());
}

TEST(Histogram, EdgesBelongToTheBinAbove) {
  Histogram histogram;
  histogram.widen(1);
  EXPECT_EQ(histogram.range(), 2.0);
  histogram.add(0x1p-10f);
  histogram.add(std::nextafter(0x1p-10f, 0.0f));
  histogram.add(std::nextafter(2.0f, 0.0f));
  EXPECT_EQ(histogram.count(0), 1u);
  EXPECT_EQ(histogram.count(1), 1u);
  EXPECT_EQ(histogram.count(Histogram::kBins - 1), 1u);
  histogram.widen(2);
  EXPECT_EQ(histogram.count(0), 2u) << "doubling merges pairs";
  EXPECT_EQ(histogram.count(Histogram::kBins / 2 - 1), 1u);
  histogram.widen(60);
  EXPECT_EQ(histogram.count(0), 3u);
}

TEST(Histogram, ThePowerOfTwoItselfNeedsTheNextRange) {
  EXPECT_EQ(Histogram::exponent_for(std::nextafter(1.0f, 0.0f)), 0);
  EXPECT_EQ(Histogram::exponent_for(1.0f), 1);
  EXPECT_EQ(Histogram::exponent_for(0.0f), Histogram::kMinExponent);
  EXPECT_EQ(Histogram::exponent_for(1e-45f), Histogram::kMinExponent);
  EXPECT_EQ(Histogram::exponent_for(std::numeric_limits<float>::max()), 128);
}

TEST(Histogram, EdgeCoveringAShare) {
  Histogram histogram;
  histogram.widen(11);  // bins of width 1
  for (int i = 0; i < 100; ++i) histogram.add(static_cast<float>(i));
  EXPECT_EQ(histogram.edge_covering(0.5), 50);
  EXPECT_EQ(histogram.edge_covering(0.501), 51);
  EXPECT_EQ(histogram.edge_covering(1), 100);
}

}  // namespace
}  // namespace tendon
