// Profile and EngineConfig: what is refused, and that nothing is silently ignored.
#include <gtest/gtest.h>
#include <tendon/loaders.h>

#include "support/files.h"
#include "support/networks.h"
#include "support/pretend_bfloat16.h"

namespace tendon {
namespace {

using testing::expect_error;
using testing::small_network;

TEST(Profile, ChainsAndFillsWhatIsLeftOpen) {
  const testing::LogCapture log;
  Profile profile;
  profile.add("t", {2}).fill_defaults(small_network(), 4);
  EXPECT_EQ(to_string(profile),
            "{t [min=(2,), opt=(2,), max=(2,)],\n x [min=(4, 3), opt=(4, 3), max=(4, 3)]}");
  EXPECT_NE(log.text().find("x (dynamic shape (batch, 3))"), std::string::npos) << log.text();
}

TEST(Profile, RefusesWhatIsOutOfOrder) {
  const struct {
    Shape min, opt, max;
  } bad[] = {{{2, 3}, {1, 3}, {4, 3}}, {{1, 3}, {5, 3}, {4, 3}}, {{1, 3}, {1, 3}, {1, 3, 1}}};
  for (const auto& shapes : bad) {
    expect_error(ErrorKind::kUsage, {"input 'x'", to_string(shapes.opt), "min <= opt <= max"},
                 [&] { Profile().add("x", shapes.min, shapes.opt, shapes.max); });
  }
  expect_error(ErrorKind::kUsage, {"'x' was added before"},
               [] { Profile().add("x", {1}).add("x", {1}); });
}

TEST(CreateConfig, ReturnsWhatItWasGiven) {
  const EngineConfig config = create_config({.device = "reference", .threads = 2});
  EXPECT_EQ(config.device, "reference");
  EXPECT_EQ(CreateConfig(config)().threads, 2);
  EXPECT_EQ(CreateConfig()().device, EngineConfig().device);
}

TEST(CreateConfig, RefusesTacticsThatContradict) {
  expect_error(ErrorKind::kUsage, {".timing_cache is 'f'", ".tactics is off"},
               [] { create_config({.timing_cache = "f"}); });
  expect_error(ErrorKind::kUsage, {".load_tactics", "leave .tactics off"},
               [] { create_config({.tactics = true, .load_tactics = "f"}); });
}

TEST(CreateConfig, SaysWhatTheDeviceLacks) {
  const testing::PretendBfloat16 absent(false);
  const struct {
    EngineConfig config;
    const char* says;
  } cases[] = {{{.fp16 = true}, "no float16 arithmetic"},
               {{.bf16 = true}, "no bfloat16 arithmetic"},
               {{.tf32 = true}, "no TF32 arithmetic"}};
  for (const auto& missing : cases) {
    const testing::LogCapture log;
    create_config(missing.config);
    EXPECT_NE(log.text().find(missing.says), std::string::npos) << log.text();
  }
}

TEST(CreateConfig, Int8NeedsRanges) {
  expect_error(ErrorKind::kUsage, {"no calibrator was provided", "--cache"},
               [] { engine_from_network(small_network(), EngineConfig{.int8 = true}); });
  expect_error(ErrorKind::kUsage, {"int8 in layer 'conv'", ".int8 is off"}, [] {
    create_config({.layer_precisions = {{"conv", DataType::kInt8}}});
  });
}

TEST(CreateConfig, AReducedRangeIsForInt8) {
  expect_error(ErrorKind::kUsage, {".reduce_range", ".int8 is off"},
               [] { create_config({.reduce_range = true}); });
}

TEST(CreateConfig, ACalibrationWithoutInt8IsSaidToBeUnused) {
  const testing::LogCapture log;
  create_config({.calibration = Calibration()});
  EXPECT_NE(log.text().find("it is not used"), std::string::npos) << log.text();
}

TEST(CreateConfig, RefusesNonsense) {
  expect_error(ErrorKind::kUsage, {"'gpu9000'"}, [] { create_config({.device = "gpu9000"}); });
  expect_error(ErrorKind::kUsage, {".threads is -1", "all cores"},
               [] { create_config({.threads = -1}); });
  expect_error(ErrorKind::kUsage, {"layer 'softmx'", "did you mean 'softmax'?"}, [] {
    engine_from_network(small_network(), EngineConfig{.layer_precisions = {{"softmx", {}}}});
  });
}

}  // namespace
}  // namespace tendon
