// Elements counted by many threads against plain counting.
#include "quant/accumulator.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/parallel.h"
#include "support/graphs.h"

namespace tendon {
namespace {

ValueStatistics counted(const Tensor& tensor, int axis, bool track_bytes = false) {
  Accumulator accumulator;
  const AxisSplit split = split_at(tensor.shape(), axis);
  std::vector<ValueStatistics> shares(static_cast<size_t>(thread_count()));
  for (ValueStatistics& share : shares) {
    share.reset(static_cast<size_t>(split.count), track_bytes);
  }
  accumulator.add(tensor.data<float>().data(), split, shares);
  for (size_t i = 1; i < shares.size(); ++i) shares[0].merge(shares[i]);
  return shares[0];
}

TEST(Accumulator, CountsWhatIsThere) {
  const Tensor x = testing::random_tensor({3, 70, 333});
  const ValueStatistics seen = counted(x, 1);
  Histogram histogram;
  float least = 0, most = 0;
  std::vector<double> sums(70);
  for (int64_t i = 0; i < x.size(); ++i) {
    const float value = x.data<float>()[static_cast<size_t>(i)];
    histogram.widen(Histogram::exponent_for(std::fabs(value)));
    histogram.add(std::fabs(value));
    least = std::min(least, value);
    most = std::max(most, value);
    sums[static_cast<size_t>(i / 333 % 70)] += static_cast<double>(value);
  }
  EXPECT_EQ(seen.histogram, histogram);
  EXPECT_EQ(seen.min, least);
  EXPECT_EQ(seen.max, most);
  EXPECT_EQ(seen.count, 3u * 70 * 333);
  const std::vector<double> means = seen.channel_means();
  for (size_t i = 0; i < sums.size(); ++i) EXPECT_NEAR(means[i], sums[i] / (3 * 333), 1e-6);
}

TEST(Accumulator, LayoutOfChannelsChangesOnlyHowItWalks) {
  const Tensor last = testing::random_tensor({4000, 6});
  Tensor first(DataType::kFloat32, {6, 4000});
  auto to = first.mutable_data<float>();
  for (size_t i = 0; i < 4000; ++i) {
    for (size_t channel = 0; channel < 6; ++channel) {
      to[channel * 4000 + i] = last.data<float>()[i * 6 + channel];
    }
  }
  const ValueStatistics a = counted(last, 1);
  const ValueStatistics b = counted(first, 0);
  EXPECT_EQ(a.histogram, b.histogram);
  EXPECT_EQ(a.max, b.max);
  for (size_t i = 0; i < 6; ++i) EXPECT_NEAR(a.channel_means()[i], b.channel_means()[i], 1e-7);
}

TEST(Accumulator, ThreadsChangeNoBit) {
  const Tensor rows = testing::random_tensor({3001, 37});
  const Tensor planes = testing::random_tensor({2, 5, 20011});
  const ThreadCountScope one(1);
  const ValueStatistics by_rows = counted(rows, 1);
  const ValueStatistics by_planes = counted(planes, 1);
  for (const int threads : {2, 3, 7}) {
    const ThreadCountScope scope(threads);
    EXPECT_EQ(counted(rows, 1), by_rows) << threads;
    EXPECT_EQ(counted(planes, 1), by_planes) << threads;
  }
}

TEST(Accumulator, FramesInAnyOrderAndGroupGiveTheSame) {
  std::vector<ValueStatistics> frames;
  for (uint64_t seed = 1; seed <= 5; ++seed) {
    Tensor x = testing::random_tensor({50, 8}, seed);
    for (float& value : x.mutable_data<float>())
      value *= static_cast<float>(std::exp(2.0 * static_cast<double>(seed)));
    frames.push_back(counted(x, 1));
  }
  ValueStatistics forward = frames[0];
  for (size_t i = 1; i < frames.size(); ++i) forward.merge(frames[i]);
  ValueStatistics late = frames[4];
  late.merge(frames[3]);
  ValueStatistics early = frames[1];
  early.merge(frames[0]);
  early.merge(frames[2]);
  late.merge(early);
  EXPECT_EQ(late, forward);
}

TEST(Accumulator, NanAndInfinityAreCountedApart) {
  Tensor x = testing::random_tensor({10, 1000});
  x.mutable_data<float>()[17] = std::numeric_limits<float>::quiet_NaN();
  x.mutable_data<float>()[9000] = -std::numeric_limits<float>::infinity();
  const ValueStatistics seen = counted(x, 1);
  EXPECT_EQ(seen.non_finite, 2u);
  EXPECT_EQ(seen.count, 9998u);
  EXPECT_EQ(seen.histogram.total(), 9998u);
  EXPECT_TRUE(std::isfinite(seen.min));
  EXPECT_TRUE(seen.channel_means().empty());
}

TEST(Accumulator, KnowsPixels) {
  Tensor pixels(DataType::kFloat32, {1, 3, 100, 100});
  auto values = pixels.mutable_data<float>();
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i % 256) / 255.0f;
  EXPECT_TRUE(counted(pixels, 1, true).byte_exact);
  EXPECT_FALSE(counted(pixels, 1, false).byte_exact) << "only where it was asked for";
  values[12345] += 0.001f;
  EXPECT_FALSE(counted(pixels, 1, true).byte_exact);
  values[12345] = -1 / 255.0f;
  EXPECT_FALSE(counted(pixels, 1, true).byte_exact);
}

TEST(Accumulator, ZerosAndSumsOutOfReach) {
  Tensor x(DataType::kFloat32, {2, 40});
  ValueStatistics seen = counted(x, 1);
  EXPECT_EQ(seen.zeros, 80u);
  EXPECT_EQ(seen.magnitude(), 0);
  EXPECT_TRUE(seen.is_constant());
  x.mutable_data<float>()[3] = 3e38f;
  seen = counted(x, 1);
  EXPECT_TRUE(seen.channel_means().empty()) << "no mean is better than a wrong one";
  EXPECT_EQ(seen.max, 3e38f);
}

TEST(Accumulator, CountsMoreOfAKindThanANarrowCountHolds) {
  const ThreadCountScope one(1);
  Tensor x(DataType::kFloat32, {300001, 1});
  std::ranges::fill(x.mutable_data<float>(), 0.75f);
  const ValueStatistics same = counted(x, 1);
  EXPECT_EQ(same.histogram.count(1536), 300001u);
  EXPECT_EQ(same.histogram.total(), 300001u);
  std::ranges::fill(x.mutable_data<float>(), 0.0f);
  x.mutable_data<float>()[300000] = 3;
  const ValueStatistics zeros = counted(x, 1);
  EXPECT_EQ(zeros.zeros, 300000u);
  EXPECT_EQ(zeros.histogram.count(0), 300000u);
}

}  // namespace
}  // namespace tendon
