#include <gtest/gtest.h>
#include <tendon/calibrator.h>
#include <tendon/loaders.h>

#include <algorithm>
#include <cmath>

#include "support/files.h"

namespace tendon {
namespace {

Network small_policy() {
  return network_from_onnx_path(TENDON_SOURCE_DIR "/tests/models/act_opset17.onnx");
}

std::vector<TensorMap> items(RandomBaseline baseline, int64_t frames, uint64_t seed = 1) {
  const auto next = random_frames(baseline, frames, seed).start(small_policy().inputs());
  std::vector<TensorMap> all;
  while (auto item = next()) all.push_back(*item);
  return all;
}

TEST(RandomBaselines, UniformOnAllInputs) {
  const auto all = items(RandomBaseline::kR1, 1);
  ASSERT_EQ(all.size(), 1u);
  for (const auto& [name, tensor] : all[0]) {
    const auto [least, most] = std::ranges::minmax(tensor.data<float>());
    EXPECT_GT(least, -1.0f) << name;
    EXPECT_LT(most, 1.0f) << name;
    EXPECT_LT(least, 0.0f) << name;
  }
}

TEST(RandomBaselines, PixelsAndNormalJoints) {
  const auto all = items(RandomBaseline::kR2, 200);
  ASSERT_EQ(all.size(), 200u);
  double sum = 0, squares = 0, count = 0;
  for (const TensorMap& item : all) {
    const auto [least, most] = std::ranges::minmax(item.at("image").data<float>());
    EXPECT_GT(least, 0.0f);
    EXPECT_LT(most, 1.0f);
    for (const float x : item.at("qpos").data<float>()) {
      sum += static_cast<double>(x);
      squares += static_cast<double>(x) * static_cast<double>(x);
      ++count;
    }
  }
  EXPECT_NEAR(sum / count, 0, 0.1);
  EXPECT_NEAR(squares / count, 1, 0.15);
}

// Camera frames as bytes are the same pictures, not what is left of numbers below 1.
TEST(RandomBaselines, BytesReachFromBlackToWhite) {
  TensorInfo frames{.name = "image", .dtype = DataType::kUInt8};
  for (const int64_t size : {1, 2, 20, 30, 3}) frames.axes.push_back({.min = size, .max = size});
  for (const RandomBaseline baseline : {RandomBaseline::kR1, RandomBaseline::kR2}) {
    const auto next = random_frames(baseline, 1, 1).start({frames});
    const Tensor image = next()->at("image");
    const auto [least, most] = std::ranges::minmax(image.data<uint8_t>());
    EXPECT_EQ(least, 0);
    EXPECT_EQ(most, 255);
  }
}

TEST(RandomBaselines, FollowTheirSeed) {
  EXPECT_EQ(items(RandomBaseline::kR2, 2, 5), items(RandomBaseline::kR2, 2, 5));
  EXPECT_NE(items(RandomBaseline::kR2, 2, 5), items(RandomBaseline::kR2, 2, 6));
}

TEST(RandomBaselines, FixedRangesAreThoseOfTrtexec) {
  const Calibration fixed = fixed_ranges(small_policy());
  const Calibration seen =
      Calibrator(random_frames(RandomBaseline::kR2, 2), {.random = RandomBaseline::kR2})
          .run(small_policy());
  ASSERT_EQ(fixed.ranges().size(), seen.ranges().size());
  for (const auto& [name, range] : fixed.ranges()) {
    const bool narrow =
        name == "qpos" || name == "image" || name.find("MaxPool") != std::string::npos;
    EXPECT_NEAR(range.amax, narrow ? 2 : 4, 1e-6) << name;
    EXPECT_TRUE(seen.ranges().contains(name)) << name;
  }
  EXPECT_EQ(fixed.info().random, "r0");
  EXPECT_EQ(seen.info().random, "r2");
  const testing::TempDir folder;
  fixed.save(folder / "r0.cache");
  EXPECT_EQ(Calibration::load(folder / "r0.cache").ranges(), fixed.ranges());
}

TEST(RandomBaselines, Names) {
  for (const char* name : {"r0", "range"}) {
    EXPECT_EQ(random_baseline_from_name(name), RandomBaseline::kR0);
  }
  EXPECT_EQ(random_baseline_from_name("uniform"), RandomBaseline::kR1);
  EXPECT_EQ(random_baseline_from_name("normal"), RandomBaseline::kR2);
  EXPECT_EQ(random_baseline_from_name("r3"), RandomBaseline::kR3);
  testing::expect_error(ErrorKind::kUsage, {"'gauss'", "r2 (normal)"},
                        [] { random_baseline_from_name("gauss"); });
  testing::expect_error(ErrorKind::kUsage, {"r3", "no random values"},
                        [] { random_frames(RandomBaseline::kR3, 1); });
}

}  // namespace
}  // namespace tendon
