// CompareFunc: verdicts, figures and reasons of every way to compare.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <tendon/compare_func.h>

#include <cmath>
#include <limits>

#include "support/files.h"

namespace tendon {
namespace {

using testing::expect_error;
using ::testing::HasSubstr;

const float kNan = std::numeric_limits<float>::quiet_NaN();
const float kInf = std::numeric_limits<float>::infinity();

Tensor tested() { return Tensor::from<float>({2, 3}, {1, 2, 4, -1, 0, 8}); }
Tensor reference() { return Tensor::from<float>({2, 3}, {1, 2.5, 4, -1.25, 0, 8.25}); }

OutputComparison simple(SimpleOptions options, const Tensor& a = tested(),
                        const Tensor& b = reference()) {
  return CompareFunc::simple(std::move(options))("y", a, b);
}

// numpy on the tensors above: absolute differences 0 .5 0 .25 0 .25.
TEST(CompareSimple, FiguresEqualNumpys) {
  const OutputComparison result = simple({.error_quantile = 0.9});
  EXPECT_DOUBLE_EQ(result.figure("max_absdiff"), 0.5);
  EXPECT_DOUBLE_EQ(result.figure("mean_absdiff"), 1.0 / 6);
  EXPECT_DOUBLE_EQ(result.figure("median_absdiff"), 0.125);
  EXPECT_DOUBLE_EQ(result.figure("quantile_absdiff"), 0.375);
  EXPECT_DOUBLE_EQ(result.figure("max_reldiff"), 0.2);
  EXPECT_NEAR(result.figure("mean_reldiff"), 0.07171717171717172, 1e-15);
  EXPECT_NEAR(result.figure("median_reldiff"), 0.015151515151515152, 1e-15);
  EXPECT_DOUBLE_EQ(result.figure("quantile_reldiff"), 0.2);
  expect_error(ErrorKind::kUsage, {"no figure 'psnr'", "'max_absdiff'"},
               [&] { result.figure("psnr"); });
}

TEST(CompareSimple, AnElementFailsOnlyWhenBothTolerancesAreExceeded) {
  const struct {
    double atol, rtol;
    bool passes;
  } cases[] = {{0.5, 0, true},    {0, 0.2, true}, {0.49, 0.19, false},
               {0.3, 0.21, true}, {0, 0, false},  {0.25, 0.15, false}};
  for (const auto& [atol, rtol, passes] : cases) {
    const OutputComparison result = simple({.atol = atol, .rtol = rtol});
    EXPECT_EQ(result.passed, passes) << atol << " " << rtol;
    EXPECT_EQ(static_cast<bool>(result), passes);
  }
}

TEST(CompareSimple, SaysWhereWhatAndTheToleranceThatWouldPass) {
  const OutputComparison failed = simple({.atol = 0.3, .rtol = 0.1});
  EXPECT_EQ(failed.reason,
            "Difference exceeds tolerance (rel=0.1, abs=0.3) in 1 of 6 elements, first at (0, 1): "
            "2, expected 2.5");
  EXPECT_EQ(failed.details.at(0),
            "Minimum Required Tolerance: elemwise error | [abs=0.5] OR [rel=0.2] (requirements may "
            "be lower if both abs/rel tolerances are set)");
  EXPECT_THAT(failed.details.at(1), HasSubstr("Absolute Difference | Stats: mean=0.16667"));
  EXPECT_THAT(failed.details.at(1), HasSubstr("max=0.5 at (0, 1)"));
  EXPECT_THAT(failed.details.at(2), HasSubstr("---- Values ----"));
  EXPECT_EQ(simple({.atol = 1}).reason, "Difference is within tolerance (rel=1e-05, abs=1)");
}

TEST(CompareSimple, EveryStatisticIsHeldAgainstItsOwnTolerances) {
  const struct {
    ErrorStat stat;
    double atol, rtol;
    bool passes;
    const char* line;
  } cases[] = {
      {ErrorStat::kMax, 0.5, 0, true, "max error | [abs=0.5] OR [rel=0.2]"},
      {ErrorStat::kMax, 0.4, 0.1, false, "max error"},
      {ErrorStat::kMean, 0.17, 0, true, "mean error | [abs=0.16667]"},
      {ErrorStat::kMean, 0.16, 0.07, false, "mean error"},
      {ErrorStat::kMedian, 0.125, 0, true, "median error | [abs=0.125]"},
      {ErrorStat::kMedian, 0.12, 0.01, false, "median error"},
      {ErrorStat::kQuantile, 0.375, 0, true, "[abs=0.375] OR [rel=0.2] (quantile=0.9)"},
      {ErrorStat::kQuantile, 0.37, 0.1, false, "quantile error"},
  };
  for (const auto& [stat, atol, rtol, passes, line] : cases) {
    const OutputComparison result =
        simple({.atol = atol, .rtol = rtol, .check_error_stat = stat, .error_quantile = 0.9});
    EXPECT_EQ(result.passed, passes) << result.reason;
    EXPECT_THAT(result.details.at(0), HasSubstr(line));
  }
}

TEST(CompareSimple, TolerancesMayDifferByOutput) {
  const CompareFunc compare = CompareFunc::simple({.atol = {{"y", 0.5}, {"", 1e-9}}, .rtol = 0.0});
  EXPECT_TRUE(compare("y", tested(), reference()));
  EXPECT_FALSE(compare("z", tested(), reference()));
  EXPECT_EQ(compare.named_outputs(), std::vector<std::string>{"y"});
}

TEST(CompareSimple, AZeroInTheReferenceHasARelativeError) {
  const Tensor zero = Tensor::from<float>({1}, {0});
  const Tensor small = Tensor::from<float>({1}, {1e-6f});
  EXPECT_GT(simple({}, small, zero).figure("max_reldiff"), 1e9);
  EXPECT_TRUE(simple({}, small, zero).passed) << "the absolute tolerance holds";
  EXPECT_EQ(simple({}, zero, zero).figure("max_reldiff"), 0);
}

TEST(CompareSimple, OtherTypesAreComparedAsNumbers) {
  const Tensor half = cast(tested(), DataType::kFloat16);
  EXPECT_TRUE(simple({.atol = 0, .rtol = 0}, half, tested()));
  const Tensor yes = Tensor::from<bool>({2}, {true, false});
  const Tensor no = Tensor::from<bool>({2}, {true, true});
  EXPECT_TRUE(simple({}, yes, yes));
  EXPECT_FALSE(simple({}, yes, no));
  const Tensor empty(DataType::kFloat32, {0});
  EXPECT_TRUE(simple({}, empty, empty));
}

TEST(CompareSimple, RefusesNonsense) {
  expect_error(ErrorKind::kUsage, {"a tolerance of -1"}, [] { simple({.atol = -1}); });
  expect_error(ErrorKind::kUsage, {"a tolerance of nan"}, [] { simple({.rtol = NAN}); });
  expect_error(ErrorKind::kUsage, {".error_quantile is 2"}, [] { simple({.error_quantile = 2}); });
}

struct NamedFunc {
  const char* name;
  CompareFunc compare;
};
std::vector<NamedFunc> floating_funcs() {
  return {{"simple", CompareFunc::simple({.atol = 1e9, .rtol = 1e9})},
          {"distance", CompareFunc::distance_metrics({.l2_tolerance = 1e9})},
          {"quality", CompareFunc::quality_metrics({.psnr_tolerance = -1e9})}};
}

// Polygraphy lets several of these pass.
TEST(CompareFunc, NanInfAndShapesFailUnderTheirOwnName) {
  const Tensor good = Tensor::from<float>({2, 2}, {1, 2, 3, 4});
  const Tensor nan = Tensor::from<float>({2, 2}, {1, kNan, 3, kNan});
  const Tensor inf = Tensor::from<float>({2, 2}, {1, 2, -kInf, 4});
  const Tensor flat = Tensor::from<float>({4}, {1, 2, 3, 4});
  const struct {
    Tensor a, b;
    const char* says;
    const char* silent;
  } cases[] = {
      {nan, good, "The output holds 2 NaN, first at (0, 1)", "Inf"},
      {good, nan, "The reference holds 2 NaN, first at (0, 1)", "Inf"},
      {nan, nan, "The output holds 2 NaN", "Inf"},
      {inf, good, "The output holds 1 Inf, first at (1, 0)", "NaN"},
      {good, inf, "The reference holds 1 Inf", "NaN"},
      {inf, nan, "The output holds 1 Inf, first at (1, 0); the reference holds 2 NaN", "?"},
      {flat, good, "Shapes differ: (4,), expected (2, 2)", "NaN"}};
  for (const auto& [name, compare] : floating_funcs()) {
    for (const auto& [a, b, says, silent] : cases) {
      const OutputComparison result = compare("y", a, b);
      EXPECT_FALSE(result.passed) << name;
      EXPECT_THAT(result.reason, HasSubstr(says)) << name;
      EXPECT_THAT(result.reason, ::testing::Not(HasSubstr(silent))) << name;
    }
  }
}

TEST(CompareSimple, InfinitiesMayCompareEqual) {
  const Tensor inf = Tensor::from<float>({3}, {kInf, -kInf, 1});
  const Tensor other = Tensor::from<float>({3}, {kInf, kInf, 1});
  EXPECT_FALSE(simple({}, inf, inf));
  EXPECT_TRUE(simple({.infinities_compare_equal = true}, inf, inf));
  EXPECT_THAT(simple({.infinities_compare_equal = true}, inf, other).reason,
              HasSubstr("1 Inf, first at (1,)"));
}

// numpy.linalg.norm and the usual formulas on the tensors above.
TEST(CompareDistance, L2AndCosine) {
  const OutputComparison result =
      CompareFunc::distance_metrics({.l2_tolerance = 0.62})("y", tested(), reference());
  EXPECT_TRUE(result);
  EXPECT_DOUBLE_EQ(result.figure("l2"), 0.6123724356957945);
  EXPECT_NEAR(result.figure("cosine_similarity"), 0.9986414446869709, 1e-12);
  EXPECT_FALSE(CompareFunc::distance_metrics()("y", tested(), reference()));
  EXPECT_TRUE(
      CompareFunc::distance_metrics({.l2_tolerance = std::nullopt})("y", tested(), reference()));
  const OutputComparison opposite = CompareFunc::distance_metrics({.l2_tolerance = std::nullopt})(
      "y", Tensor::from<float>({1}, {-2}), Tensor::from<float>({1}, {2}));
  EXPECT_EQ(opposite.reason, "cosine similarity -1 misses 0.997");
}

TEST(CompareQuality, PsnrAndSnr) {
  const OutputComparison result =
      CompareFunc::quality_metrics({.psnr_tolerance = 30})("y", tested(), reference());
  EXPECT_NEAR(result.figure("psnr"), 30.370278797557752, 1e-9);
  EXPECT_NEAR(result.figure("snr"), 23.93867559040913, 1e-9);
  EXPECT_TRUE(result);
  EXPECT_FALSE(CompareFunc::quality_metrics({.snr_tolerance = 25})("y", tested(), reference()));
  EXPECT_EQ(CompareFunc::quality_metrics()("y", tested(), tested()).figure("psnr"), INFINITY);
}

TEST(CompareIndices, AllowsAShift) {
  const Tensor a = Tensor::from<int64_t>({2, 3}, {7, 8, 9, 1, 2, 3});
  const Tensor b = Tensor::from<int64_t>({2, 3}, {7, 8, 9, 2, 1, 3});
  const Tensor c = Tensor::from<int64_t>({2, 3}, {7, 8, 9, 2, 1, 4});
  EXPECT_TRUE(CompareFunc::indices()("top", a, a));
  EXPECT_FALSE(CompareFunc::indices()("top", a, b));
  EXPECT_TRUE(CompareFunc::indices({.index_tolerance = 1})("top", a, b));
  EXPECT_EQ(CompareFunc::indices({.index_tolerance = 9})("top", a, c).reason,
            "Index 3 at (1, 2) is not in the reference");
  expect_error(ErrorKind::kUsage, {"'top' is float32", "integers"},
               [] { CompareFunc::indices()("top", tested(), tested()); });
}

}  // namespace
}  // namespace tendon
