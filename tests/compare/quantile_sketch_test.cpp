// QuantileSketch: exact while small, close and order-free when large.
#include "compare/quantile_sketch.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "compare/statistics.h"

namespace tendon {
namespace {

std::vector<float> random_errors(size_t count) {
  std::mt19937 generator(7);
  std::lognormal_distribution<float> draw(-6, 1.5f);
  std::vector<float> values(count);
  for (float& value : values) value = draw(generator);
  return values;
}

double exact_quantile(const std::vector<float>& values, double quantile) {
  std::vector<double> sorted(values.begin(), values.end());
  std::sort(sorted.begin(), sorted.end());
  return quantile_of_sorted(sorted, quantile);
}

QuantileSketch sketch_of(std::span<const float> values) {
  QuantileSketch sketch(64);
  for (const float value : values) sketch.add(value);
  return sketch;
}

TEST(QuantileSketch, IsExactWhileItHoldsTheValues) {
  const std::vector<float> values = random_errors(64);
  for (const double q : {0.0, 0.5, 0.99, 1.0}) {
    EXPECT_DOUBLE_EQ(sketch_of(values).quantile(q), exact_quantile(values, q));
  }
}

TEST(QuantileSketch, IsWithinOnePartIn128Beyond) {
  const std::vector<float> values = random_errors(20000);
  const QuantileSketch sketch = sketch_of(values);
  EXPECT_EQ(sketch.count(), 20000u);
  for (const double q : {0.01, 0.5, 0.9, 0.99, 0.999}) {
    const double exact = exact_quantile(values, q);
    EXPECT_NEAR(sketch.quantile(q), exact, exact / 128);
  }
}

TEST(QuantileSketch, NeitherOrderNorMergingMatters) {
  std::vector<float> values = random_errors(3000);
  values[5] = 0;
  const double straight = sketch_of(values).quantile(0.99);
  QuantileSketch merged(64);
  merged.merge(sketch_of(std::span(values).first(50)));
  merged.merge(sketch_of(std::span(values).subspan(50)));
  EXPECT_EQ(merged.quantile(0.99), straight);
  std::ranges::reverse(values);
  EXPECT_EQ(sketch_of(values).quantile(0.99), straight);
}

TEST(QuantileSketch, SmallSketchesMergeToAnExactOne) {
  const std::vector<float> values = random_errors(200);
  QuantileSketch merged(64);
  for (size_t at = 0; at < 200; at += 50)
    merged.merge(sketch_of(std::span(values).subspan(at, 50)));
  EXPECT_DOUBLE_EQ(merged.quantile(0.99), exact_quantile(values, 0.99));
}

}  // namespace
}  // namespace tendon
