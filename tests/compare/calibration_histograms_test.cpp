// Histograms and ranges out of the JSON that calibration writes.
#include <gtest/gtest.h>
#include <tendon/report.h>

#include "support/files.h"

namespace tendon {
namespace {

using testing::expect_bad_input;
using testing::TempDir;
using testing::write_text;

constexpr const char* kCalibration = R"({
"format": "tendon-calibration", "version": 1,
"values": {
 "input": {"source": "input", "axis": 1, "amax": 0.5},
 "half": {"source": "input", "axis": 1, "factor": -0.5, "amax": 0.25},
 "softmax": {"amax": 1.0},
 "unused": {"source": "input", "axis": 1}
},
"statistics": {"input": {"count": 8, "zeros": 1, "exponent": 1, "counts": [%s]}}
})";

std::string calibration_with(const std::string& counts) {
  std::string text = kCalibration;
  return text.replace(text.find("%s"), 2, counts);
}

TEST(CalibrationHistograms, HaveTheRangesOfEachCalibration) {
  const TempDir folder;
  // 1024 of 2048 bins over [0, 2): 4 values at 0, 4 near 1.
  std::string counts = "4";
  for (int i = 1; i < 1023; ++i) counts += ",0";
  write_text(folder / "real.cache.json", calibration_with(counts + ",4"));
  write_text(folder / "random.json", R"({"values": {"input": {"amax": 3}}})");
  const auto histograms =
      histograms_from_calibrations({folder / "real.cache", folder / "random.json"});
  ASSERT_EQ(histograms.size(), 2u);
  const ActivationHistogram& half = histograms[0];
  EXPECT_EQ(half.name, "half");
  EXPECT_EQ(half.range, 0.5);
  EXPECT_EQ(half.cuts[0]->beyond, 0.5);
  EXPECT_FALSE(half.cuts[1].has_value());
  const ActivationHistogram& input = histograms[1];
  EXPECT_EQ(input.range, 1);
  ASSERT_EQ(input.counts.size(), 128u);
  EXPECT_EQ(input.counts.front(), 4);
  EXPECT_EQ(input.counts.back(), 4);
  EXPECT_EQ(input.cuts[0]->amax, 0.5);
  EXPECT_EQ(input.cuts[0]->beyond, 0.5);
  EXPECT_EQ(input.cuts[1]->amax, 3);
  EXPECT_EQ(input.cuts[1]->beyond, 0);
}

TEST(CalibrationHistograms, DamagedFilesAreNamed) {
  const TempDir folder;
  const std::string path = folder / "c.json";
  expect_bad_input({"c.cache.json", "only its scales are known"},
                   [&] { histograms_from_calibrations({folder / "c.cache"}); });
  struct Case {
    std::string text;
    const char* says;
  };
  for (const auto& [text, says] :
       {Case{"{}", "values"}, Case{R"({"values": []})", "expected an object"},
        Case{R"({"values": {"x": 1}})", "'x' is number"},
        Case{R"({"values": {"x": {"amax": 0}}})", "above 0"},
        Case{R"({"values": {"x": {"amax": "1"}}})", "amax"},
        Case{calibration_with("-1"), "negative"}, Case{calibration_with("\"a\""), "counts"}}) {
    write_text(path, text);
    expect_bad_input({"c.json", says}, [&] { histograms_from_calibrations({path}); });
  }
}

TEST(CalibrationHistograms, NoCalibrationIsNoHistogram) {
  EXPECT_TRUE(histograms_from_calibrations({}).empty());
}

}  // namespace
}  // namespace tendon
