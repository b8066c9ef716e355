// Pictures counted by their bytes against the same elements counted one by one.
#include "quant/byte_counts.h"

#include <gtest/gtest.h>

#include <limits>
#include <random>

#include "quant/accumulator.h"

namespace tendon {
namespace {

const Shape kShape{2, 3, 25, 41};
constexpr int64_t kPlane = 25 * 41;

Tensor random_pictures() {
  Tensor tensor(DataType::kFloat32, kShape);
  std::mt19937 random(7);
  for (float& x : tensor.mutable_data<float>()) x = static_cast<float>(random() % 256) / 255.0f;
  return tensor;
}

ValueStatistics empty(const AxisSplit& split) {
  ValueStatistics statistics;
  statistics.reset(static_cast<size_t>(split.count), true);
  return statistics;
}

void expect_same(const ValueStatistics& a, const ValueStatistics& b) {
  EXPECT_EQ(a.histogram, b.histogram);
  EXPECT_EQ(a.count, b.count);
  EXPECT_EQ(a.zeros, b.zeros);
  EXPECT_EQ(a.min, b.min);
  EXPECT_EQ(a.max, b.max);
  EXPECT_EQ(a.byte_exact, b.byte_exact);
  ASSERT_EQ(a.channel_means().size(), b.channel_means().size());
  for (size_t c = 0; c < a.channel_means().size(); ++c) {
    EXPECT_NEAR(a.channel_means()[c], b.channel_means()[c], 1e-6);
  }
}

TEST(ByteCounts, SayWhatCountingEachElementSays) {
  const Tensor pictures = random_pictures();
  ByteCounts bytes;
  ASSERT_TRUE(bytes.count(pictures.data<float>().data(), 6, kPlane));
  // 51 / 255 is 0.2f: some elements become zero.
  const std::vector<float> offsets{0, 0.485f, 51.0f / 255.0f, -1, 0.25f, 1};
  Tensor moved = pictures;
  auto to = moved.mutable_data<float>();
  for (size_t i = 0; i < to.size(); ++i) to[i] -= offsets[i / static_cast<size_t>(kPlane)];
  for (const int axis : {0, 1}) {
    const AxisSplit split = split_at(kShape, axis);
    ValueStatistics counted = empty(split), by_bytes = empty(split);
    counted.byte_exact = by_bytes.byte_exact = false;
    Accumulator accumulator;
    accumulator.add(to.data(), split, {&counted, 1});
    bytes.add_to(by_bytes, split, offsets);
    expect_same(by_bytes, counted);
    EXPECT_GT(counted.zeros, 0u);
  }
}

TEST(ByteCounts, KnowNothingOfOtherElements) {
  const float not_a_byte = std::nextafter(7.0f / 255.0f, 1.0f);
  for (const float odd :
       {not_a_byte, -1.0f / 255.0f, 256.0f / 255.0f, 1e30f, std::numeric_limits<float>::quiet_NaN(),
        std::numeric_limits<float>::infinity()}) {
    // The last elements of a plane fill no vector.
    for (const size_t at : {size_t{0}, size_t{500}, static_cast<size_t>(kPlane) * 2 - 1}) {
      Tensor pictures = random_pictures();
      pictures.mutable_data<float>()[at] = odd;
      ByteCounts bytes;
      EXPECT_FALSE(bytes.count(pictures.data<float>().data(), 6, kPlane)) << odd << " at " << at;
      EXPECT_FALSE(bytes.known());
    }
  }
}

}  // namespace
}  // namespace tendon
