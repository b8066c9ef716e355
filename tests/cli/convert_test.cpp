// `tendon convert` as a user calls it.
#include <nlohmann/json.hpp>

#include "cli/program.h"

namespace tendon::testing {
namespace {

using ::testing::HasSubstr;
using Json = nlohmann::json;

/// The small model with a cache of one frame.
class Convert : public ::testing::Test {
 protected:
  void SetUp() override {
    const Outcome made =
        run_tendon("calibrate " + kModel + " -o " + cache_ + " --inputs " +
                   TENDON_SOURCE_DIR "/tests/models/act_opset17.npz --force --algorithm minmax");
    ASSERT_EQ(made.status, 0) << made.err;
  }

  Outcome convert(const std::string& options) const {
    return run_tendon("convert " + kModel + " --cache " + cache_ + " -o " + output_ + " " +
                      options);
  }

  const TempDir folder_;
  const std::string cache_ = folder_ / "policy.cache";
  const std::string output_ = folder_ / "policy.qdq.onnx";
};

TEST_F(Convert, WritesAModelThatBuildsToIntegerKernels) {
  for (const std::string target : {"trt", "ort", "openvino"}) {
    const Outcome made = convert("--json --precision '*=int8' --target " + target);
    ASSERT_EQ(made.status, 0) << made.err;
    const Json result = Json::parse(made.out);
    EXPECT_EQ(result["target"], target);
    EXPECT_GT(result["int8_layers"].size(), 10u);
    EXPECT_GT(result["int8_share"].get<double>(), 0.5);
    const std::string engine = folder_ / "policy.engine";
    ASSERT_EQ(run_tendon("build " + output_ + " -o " + engine).status, 0);
    const Outcome shown = run_tendon("inspect " + engine + " --show layers");
    EXPECT_THAT(shown.out, HasSubstr("QuantizedConv"));
    EXPECT_THAT(shown.out, HasSubstr("QuantizedMatMul"));
  }
}

TEST_F(Convert, EveryOpsetBuilds) {
  for (const std::string opset : {"13", "17", "21"}) {
    EXPECT_EQ(convert("--target trt --precision '*=int8' --opset " + opset).status, 0);
    EXPECT_EQ(run_tendon("inspect " + output_).status, 0) << opset;
  }
  EXPECT_EQ(convert("--target trt --opset 12").status, 2);
}

TEST_F(Convert, TheCacheTargetIsTensorRtsText) {
  const Outcome made = convert("--target trt-cache");
  ASSERT_EQ(made.status, 0) << made.err;
  const std::string text = read_text(output_);
  EXPECT_THAT(text, ::testing::StartsWith("TRT-8502-MinMaxCalibration\n"));
  const auto scales = [](const std::string& file) { return file.substr(file.find('\n')); };
  EXPECT_EQ(scales(text), scales(read_text(cache_)));
  // What is written can be read.
  EXPECT_EQ(run_tendon("convert " + kModel + " --cache " + output_ + " -o " + (folder_ / "again") +
                       " --target trt --precision '*=int8'")
                .status,
            0);
}

TEST_F(Convert, RefusesWhatItCannotDo) {
  EXPECT_EQ(convert("--target coreml").status, 2);
  EXPECT_THAT(convert("--target coreml").err, HasSubstr("trt, ort, openvino"));
  EXPECT_THAT(convert("--target ort --precision 'nothing=int8'").err, HasSubstr("no layer"));
  const std::string other = TENDON_SOURCE_DIR "/tests/models/lerobot_opset17.onnx";
  const Outcome foreign =
      run_tendon("convert " + other + " --cache " + cache_ + " -o " + output_ + " --target ort");
  EXPECT_EQ(foreign.status, 3);
  EXPECT_THAT(foreign.err, HasSubstr("another model"));
  ASSERT_EQ(convert("--target ort --precision '*=int8'").status, 0);
  const Outcome twice = run_tendon("convert " + output_ + " --cache " + cache_ + " -o " +
                                   (folder_ / "twice") + " --target trt --force");
  EXPECT_EQ(twice.status, 4);
  EXPECT_THAT(twice.err, HasSubstr("already"));
}

// A model that says itself what is in 8 bits needs no calibration, and none changes it.
TEST_F(Convert, TheModelsOwnPrecisionHolds) {
  ASSERT_EQ(convert("--target openvino --precision '*=int8'").status, 0);
  const std::string engine = folder_ / "policy.engine";
  const Outcome built =
      run_tendon("build " + output_ + " -o " + engine + " --int8 --cache " + cache_);
  EXPECT_EQ(built.status, 0) << built.err;
  EXPECT_THAT(built.err, HasSubstr("Calibrator won't be used in explicit precision mode"));
}

}  // namespace
}  // namespace tendon::testing
