// Statistics of tensors against numpy's.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <tendon/compare_func.h>

#include <cmath>
#include <limits>

namespace tendon {
namespace {

using ::testing::HasSubstr;

// numpy 2 on [[1, 2, 4], [-1, 0, 8]].
TEST(Statistics, EqualNumpys) {
  const TensorStatistics s = compute_statistics(Tensor::from<float>({2, 3}, {1, 2, 4, -1, 0, 8}));
  EXPECT_EQ(s.count, 6);
  EXPECT_DOUBLE_EQ(s.mean, 2.3333333333333335);
  EXPECT_DOUBLE_EQ(s.std_dev, 2.981423969999719);
  EXPECT_DOUBLE_EQ(s.variance, 8.88888888888889);
  EXPECT_DOUBLE_EQ(s.median, 1.5);
  EXPECT_DOUBLE_EQ(s.min, -1);
  EXPECT_EQ(s.min_index, Shape({1, 0}));
  EXPECT_DOUBLE_EQ(s.max, 8);
  EXPECT_EQ(s.max_index, Shape({1, 2}));
  EXPECT_DOUBLE_EQ(s.average_magnitude, 2.6666666666666665);
  EXPECT_DOUBLE_EQ(s.p90, 6);
  EXPECT_DOUBLE_EQ(s.p95, 7);
  EXPECT_DOUBLE_EQ(s.p99, 7.8);
  EXPECT_EQ(to_string(s),
            "mean=2.3333, std-dev=2.9814, var=8.8889, median=1.5, min=-1 at (1, 0), max=8 at (1, "
            "2), avg-magnitude=2.6667, p90=6, p95=7, p99=7.8");
}

TEST(Statistics, LeaveNonFiniteElementsOutAndCountThem) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const float inf = std::numeric_limits<float>::infinity();
  const TensorStatistics s = compute_statistics(Tensor::from<float>({5}, {nan, 1, inf, 3, -inf}));
  EXPECT_EQ(s.count, 2);
  EXPECT_EQ(s.nan_count, 1);
  EXPECT_EQ(s.inf_count, 2);
  EXPECT_DOUBLE_EQ(s.mean, 2);
  EXPECT_EQ(s.min_index, Shape({1}));
  EXPECT_THAT(to_string(s), HasSubstr("NaN=1, Inf=2"));
  EXPECT_EQ(compute_statistics(Tensor(DataType::kFloat32, {0, 3})).count, 0);
}

TEST(Statistics, FewValuesAreShownManyBecomeAHistogram) {
  EXPECT_EQ(describe_values(Tensor::from<int32_t>({3}, {1, 2, 3})), "---- Values ----\n[1, 2, 3]");
  std::vector<float> values(200, 0.0f);
  for (size_t i = 0; i < 50; ++i) values[i] = 10.0f;
  const std::string text = describe_values(Tensor::from(Shape{200}, values));
  EXPECT_THAT(text, HasSubstr("---- Histogram ----"));
  EXPECT_THAT(text, HasSubstr("(0        , 1        ) |        150 | " + std::string(40, '#')));
  EXPECT_THAT(text, HasSubstr("(9        , 10       ) |         50 | " + std::string(13, '#')));
}

}  // namespace
}  // namespace tendon
