#include "quant/tensorrt_cache.h"

#include <gtest/gtest.h>

#include "quant/calibration_data.h"
#include "support/files.h"

namespace tendon {
namespace {

TEST(TensorRtCache, ReadsWhatTensorRtWrites) {
  const TensorRtCache cache = parse_tensorrt_cache(
      "TRT-8502-EntropyCalibration2\ndata: 3c008912\nconv1: 3c60dd38\n"
      "(Unnamed Layer* 4) [Fully Connected]_output: 3d65992f\nscope: a: b: 3c008912\r\n",
      "x.cache");
  EXPECT_EQ(cache.algorithm, CalibrationAlgorithm::kEntropy2);
  EXPECT_EQ(cache.scales.size(), 4u);
  EXPECT_NEAR(127 * cache.scales.at("data"), 0.9963, 1e-4);
  EXPECT_TRUE(cache.scales.contains("scope: a: b"));
  EXPECT_TRUE(cache.scales.contains("(Unnamed Layer* 4) [Fully Connected]_output"));
}

TEST(TensorRtCache, RoundTripIsExact) {
  Ranges ranges;
  ranges["a: b"].amax = storable_amax(0.123456789);
  ranges[" blank"].amax = storable_amax(1e-30);
  ranges["large"].amax = storable_amax(1e30);
  const std::string text = text_from_ranges(ranges, "MinMaxCalibration", "8502");
  EXPECT_TRUE(text.starts_with("TRT-8502-MinMaxCalibration\n"));
  const TensorRtCache cache = parse_tensorrt_cache(text, "x");
  EXPECT_EQ(cache.algorithm, CalibrationAlgorithm::kMinMax);
  ASSERT_EQ(cache.scales.size(), 3u);
  for (const auto& [name, range] : ranges) {
    EXPECT_EQ(127.0 * static_cast<double>(cache.scales.at(name)), range.amax) << name;
  }
}

struct BadCache {
  std::string text;
  std::string_view part;
};

TEST(TensorRtCache, DamagedFilesSayWhere) {
  const std::string head = "TRT-100300-EntropyCalibration2\n";
  for (const auto& [text, part] : {
           BadCache{"", "the file is empty"},
           BadCache{head, "no scale follows"},
           BadCache{"TRT-8502-Unheard\nx: 3c008912\n", "the first line is 'TRT-8502-Unheard'"},
           BadCache{"TRT-x-EntropyCalibration2\nx: 3c008912\n", "the first line"},
           BadCache{"x: 3c008912\n", "expected TensorRT's"},
           BadCache{head + "x: 3c0089", "line 2: the scale is '3c0089'"},
           BadCache{head + "x: 3c008912\nlayer/na", "line 3: 'layer/na' is not of the form"},
           BadCache{head + "x: 3c00891z\n", "eight hexadecimal digits"},
           BadCache{head + ": 3c008912\n", "is not of the form"},
           BadCache{head + "x: 00000000\n", "normal number above 0"},
           BadCache{head + "x: bc008912\n", "normal number above 0"},
           BadCache{head + "x: 7f800000\n", "normal number above 0"},
           BadCache{head + "x: 7fc00000\n", "normal number above 0"},
           BadCache{head + "x: 00000012\n", "normal number above 0"},
           BadCache{head + "x: 3c008912\nx: 3c008912\n", "line 3: 'x' has a scale already"},
       }) {
    testing::expect_bad_input({"my.cache", part},
                              [&, &bytes = text] { parse_tensorrt_cache(bytes, "my.cache"); });
  }
}

TEST(TensorRtCache, RefusesWhatItCannotWrite) {
  testing::expect_error(ErrorKind::kUsage, {"'10.3'", "100300"},
                        [] { text_from_ranges({}, "EntropyCalibration2", "10.3"); });
  testing::expect_error(ErrorKind::kUnsupported, {"line break"}, [] {
    text_from_ranges({{"a\nb", {1}}}, "EntropyCalibration2", "100300");
  });
}

}  // namespace
}  // namespace tendon
