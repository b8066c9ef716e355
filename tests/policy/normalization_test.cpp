#include "policy/normalization.h"

#include <limits>

#include "support/files.h"

namespace tendon {
namespace {

using testing::expect_bad_input;
using testing::expect_error;

constexpr float kEpsilon = 1e-8F;

double into(const Scaling& scaling, double x) {
  return (x - double{scaling.center[0]}) / double{scaling.scale[0]} + double{scaling.offset};
}
double out_of(const Scaling& scaling, double y) {
  return (y - double{scaling.offset}) * double{scaling.scale[0]} + double{scaling.center[0]};
}

TEST(Normalization, FollowsEachMode) {
  const FeatureStats stats{{"mean", {2}}, {"std", {4}}, {"min", {0}}, {"max", {8}},
                           {"q01", {1}},  {"q99", {7}}, {"q10", {2}}, {"q90", {6}}};
  const struct {
    NormalizationMode mode;
    double low, high;
  } cases[] = {{NormalizationMode::kMeanStd, -2, 6},
               {NormalizationMode::kMinMax, 0, 8},
               {NormalizationMode::kQuantiles, 1, 7},
               {NormalizationMode::kQuantile10, 2, 6}};
  for (const auto& [mode, low, high] : cases) {
    SCOPED_TRACE(to_string(mode));
    EXPECT_EQ(normalization_mode_from_name(to_string(mode), "x"), mode);
    for (const ZeroRange zero : {ZeroRange::kAdded, ZeroRange::kReplaced}) {
      const Scaling in = input_scaling(mode, stats, 1, kEpsilon, zero, "x");
      const Scaling out = output_scaling(mode, stats, 1, kEpsilon, zero, "x");
      EXPECT_NEAR(into(in, low), -1, 1e-6);
      EXPECT_NEAR(into(in, high), 1, 1e-6);
      EXPECT_NEAR(out_of(out, -1), low, 1e-6);
      EXPECT_NEAR(out_of(out, 1), high, 1e-6);
    }
  }
  EXPECT_TRUE(input_scaling(NormalizationMode::kIdentity, {}, 1, 0, ZeroRange::kAdded, "").empty());
  EXPECT_TRUE(
      output_scaling(NormalizationMode::kIdentity, {}, 1, 0, ZeroRange::kAdded, "").empty());
}

TEST(Normalization, AJointThatNeverMovedStaysAtOneEnd) {
  const FeatureStats still{{"min", {1.5F}}, {"max", {1.5F}}, {"mean", {1.5F}}, {"std", {0}}};
  for (const ZeroRange zero : {ZeroRange::kAdded, ZeroRange::kReplaced}) {
    EXPECT_EQ(into(input_scaling(NormalizationMode::kMinMax, still, 1, kEpsilon, zero, "x"), 1.5),
              -1);
    EXPECT_EQ(into(input_scaling(NormalizationMode::kMeanStd, still, 1, kEpsilon, zero, "x"), 1.5),
              0);
    EXPECT_NEAR(
        out_of(output_scaling(NormalizationMode::kMinMax, still, 1, kEpsilon, zero, "x"), 1), 1.5,
        1e-6);
  }
}

TEST(Normalization, RefusesStatisticsThatCannotBeUsed) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  const auto scale = [](const FeatureStats& stats, int64_t width) {
    input_scaling(NormalizationMode::kMeanStd, stats, width, kEpsilon, ZeroRange::kAdded,
                  "s.json: 'x'");
  };
  expect_bad_input({"s.json: 'x'", "'std' is missing"}, [&] { scale({{"mean", {0}}}, 1); });
  expect_bad_input({"'mean' has 1 values, expected 2"}, [&] {
    scale({{"mean", {0}}, {"std", {1}}}, 2);
  });
  expect_bad_input({"not finite", "never computed"}, [&] {
    scale({{"mean", {kInfinity}}, {"std", {1}}}, 1);
  });
  expect_bad_input({"standard deviation of -1"}, [&] { scale({{"mean", {0}}, {"std", {-1}}}, 1); });
  expect_error(ErrorKind::kUnsupported, {"s.json", "'LOG'", "QUANTILE10"},
               [] { normalization_mode_from_name("LOG", "s.json"); });
}

}  // namespace
}  // namespace tendon
