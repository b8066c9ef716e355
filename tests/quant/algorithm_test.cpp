// Every algorithm on distributions whose answer is known.
#include "quant/algorithm.h"

#include <gtest/gtest.h>

#include <cmath>

#include "quant/accumulator.h"
#include "quant/choose_ranges.h"
#include "support/files.h"
#include "support/graphs.h"

namespace tendon {
namespace {

ValueStatistics statistics_of(std::vector<float> values, bool track_bytes = false) {
  ValueStatistics statistics;
  statistics.reset(1, track_bytes);
  Accumulator accumulator;
  const auto count = static_cast<int64_t>(values.size());
  accumulator.add(values.data(), {1, 1, count}, {&statistics, 1});
  return statistics;
}

/// A normal sample of deviation 1 with one far outlier.
std::vector<float> normal_with_outlier(float outlier) {
  const Tensor x = testing::random_tensor({200'000});
  std::vector<float> values(x.data<float>().begin(), x.data<float>().end());
  values.push_back(outlier);
  return values;
}

double range(CalibrationAlgorithm algorithm, const ValueStatistics& statistics) {
  const AlgorithmRow& row = row_of(algorithm);
  return row.find({statistics, row.quantile, row.regression_cutoff});
}

TEST(Algorithm, AllKeepWithinWhatWasSeen) {
  for (const float outlier : {0.0f, 40.0f}) {
    const ValueStatistics seen = statistics_of(normal_with_outlier(outlier));
    for (const AlgorithmRow& row : algorithm_table()) {
      const double found = range(row.algorithm, seen);
      EXPECT_GT(found, 0) << row.name;
      EXPECT_LE(found, static_cast<double>(seen.magnitude())) << row.name;
    }
  }
}

TEST(Algorithm, AnOutlierMovesMinmaxAlone) {
  const ValueStatistics seen = statistics_of(normal_with_outlier(40));
  EXPECT_EQ(range(CalibrationAlgorithm::kMinMax, seen), 40);
  for (const auto algorithm : {CalibrationAlgorithm::kEntropy2, CalibrationAlgorithm::kEntropy,
                               CalibrationAlgorithm::kPercentile}) {
    const double found = range(algorithm, seen);
    EXPECT_GT(found, 2) << name_of(algorithm);
    EXPECT_LT(found, 8) << name_of(algorithm);
  }
  // (40 - a)^2 + 200000 (a / 127)^2 / 12 is least at a = 19.7.
  EXPECT_NEAR(range(CalibrationAlgorithm::kMse, seen), 19.7, 1);
}

TEST(Algorithm, UniformValuesAreNotClipped) {
  std::vector<float> values;
  for (int i = 0; i < 100'000; ++i) values.push_back(static_cast<float>(i) / 100'000 * 2 - 1);
  const ValueStatistics seen = statistics_of(values);
  for (const auto algorithm : {CalibrationAlgorithm::kEntropy2, CalibrationAlgorithm::kEntropy,
                               CalibrationAlgorithm::kMse}) {
    EXPECT_GT(range(algorithm, seen), 0.97) << name_of(algorithm);
  }
}

// The sparse half of a ReLU's output: zeros must not make the rest look like outliers.
TEST(Algorithm, Entropy2IgnoresExactZeros) {
  std::vector<float> values = normal_with_outlier(0);
  for (float& value : values) value = std::max(value, 0.0f);
  const double without = range(CalibrationAlgorithm::kEntropy2, statistics_of(values));
  values.insert(values.end(), 2'000'000, 0.0f);
  EXPECT_EQ(range(CalibrationAlgorithm::kEntropy2, statistics_of(values)), without);
}

TEST(Algorithm, PercentileIsTheEdgeThatCoversTheShare) {
  std::vector<float> values;
  for (int i = 1; i <= 1000; ++i) values.push_back(static_cast<float>(i) * 0.001f);
  const ValueStatistics seen = statistics_of(values);
  EXPECT_NEAR(percentile_range({seen, 0.9}), 0.9, 0.0011);
  EXPECT_EQ(percentile_range({seen, 1}), 1);
}

TEST(Algorithm, LegacyEndsWhereTheTailWouldHoldNothing) {
  // Counts fall by e every 0.25: 8 e-foldings from 3000 elements.
  std::vector<float> values;
  for (int bin = 0; bin < 64; ++bin) {
    const auto count = static_cast<int>(3000 * std::exp(-bin / 8.0));
    values.insert(values.end(), static_cast<size_t>(count), (static_cast<float>(bin) + 0.5f) / 32);
  }
  values.push_back(10);
  const ValueStatistics seen = statistics_of(values);
  const double found = legacy_range({seen, 0.5, 0.02});
  EXPECT_GT(found, 1.5);
  EXPECT_LT(found, 5);
  EXPECT_GE(legacy_range({seen, 1, 0.02}), 10 - 0.01) << "never below the quantile";
}

TEST(Algorithm, AutoTakesWhatItsReadersLike) {
  const ValueStatistics seen = statistics_of(normal_with_outlier(40));
  RangeQuestion question{seen};
  question.output_error = [](double amax) { return -amax; };
  EXPECT_EQ(auto_range(question), 40);
  question.output_error = [](double amax) { return amax; };
  EXPECT_LT(auto_range(question), 5);
}

TEST(Algorithm, NamesAndTheirMistakes) {
  for (const AlgorithmRow& row : algorithm_table()) {
    EXPECT_EQ(calibration_algorithm_from_name(row.name), row.algorithm);
  }
  testing::expect_error(ErrorKind::kUsage, {"'kl'", "entropy2", "auto"},
                        [] { calibration_algorithm_from_name("kl"); });
}

TEST(Algorithm, OptionsOutOfReach) {
  using enum CalibrationAlgorithm;
  for (const double quantile : {0.0, 2.0, -0.5, std::nan("")}) {
    testing::expect_error(ErrorKind::kUsage, {"quantile", "more than 0 and at most 1"}, [&] {
      check(RangeOptions{kPercentile, quantile});
    });
  }
  testing::expect_error(ErrorKind::kUsage, {"regression cutoff"}, [] {
    check(RangeOptions{kLegacy, 0.5, 1.5});
  });
  testing::expect_error(ErrorKind::kUsage, {"'minmax' has no quantile"}, [] {
    check(RangeOptions{kMinMax, 0.5});
  });
  check(RangeOptions{kLegacy, 1, 1});
}

Calibration::Data data_of(const std::string& name, const ValueStatistics& statistics) {
  Calibration::Data data;
  data.values = {{name, name, 1, 0, true}};
  data.statistics[name] = statistics;
  return data;
}

TEST(ChooseRanges, ZeroAndConstantValuesGetAUsableScale) {
  const Ranges zero = choose_ranges(data_of("tgt", statistics_of({0, 0, 0})));
  EXPECT_NEAR(zero.at("tgt").amax, 1, 1e-6);
  EXPECT_EQ(zero.at("tgt").max, 0);
  const Ranges constant = choose_ranges(data_of("c", statistics_of({-3, -3, -3})));
  EXPECT_NEAR(constant.at("c").amax, 3, 1e-5);
  EXPECT_EQ(constant.at("c").channel_mean, std::vector<double>{-3});
  const Ranges tiny = choose_ranges(data_of("t", statistics_of({1e-44f, 0})));
  EXPECT_NEAR(tiny.at("t").amax, 1, 1e-6) << "a denormal scale would be flushed to 0";
}

TEST(ChooseRanges, PixelsKeepTheirCodes) {
  Calibration::Data data = data_of("image", statistics_of({0, 0.2f, 128 / 255.0f}, true));
  const TensorRange range = choose_ranges(data).at("image");
  EXPECT_TRUE(range.byte_exact);
  EXPECT_NEAR(range.amax, 1, 1e-7);
}

TEST(ChooseRanges, ScaledViewsFollowTheirSource) {
  Calibration::Data data = data_of("q", statistics_of({-2, 8}));
  data.info.range.algorithm = CalibrationAlgorithm::kMinMax;
  data.values.push_back({"scaled", "q", -0.25, 0, true});
  data.values.push_back({"weights", "", 1, 0, false});
  const Ranges ranges = choose_ranges(data);
  EXPECT_NEAR(ranges.at("scaled").amax, 2, 1e-6);
  EXPECT_EQ(ranges.at("scaled").min, -2);
  EXPECT_EQ(ranges.at("scaled").max, 0.5);
  EXPECT_EQ(ranges.at("scaled").channel_mean, std::vector<double>{-0.75});
  EXPECT_EQ(ranges.at("weights").max, 1) << "what Softmax makes needs no data";
}

TEST(ChooseRanges, NothingSeenIsAnError) {
  ValueStatistics none;
  none.reset(1, false);
  testing::expect_bad_input({"'x'", "at least one frame"},
                            [&] { choose_ranges(data_of("x", none)); });
}

}  // namespace
}  // namespace tendon
