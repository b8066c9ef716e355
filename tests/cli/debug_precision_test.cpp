// `tendon debug precision` and `tendon build --int8 --episodes` as a user calls them.
#include "cli/program.h"

namespace tendon::testing {
namespace {

using ::testing::HasSubstr;

const std::string kInt8 = " --int8 --precision '*conv*=int8' ";

TEST(DebugPrecision, TheCommandJudgesTheEngines) {
  const TempDir folder;
  const std::string cache = folder / "r.cache", engine = folder / "d.engine";
  ASSERT_EQ(run_tendon("calibrate " + kModel + " -o " + cache + " --random r2 --frames 1").status,
            0);
  const std::string debug =
      "debug precision " + kModel + kInt8 + "--cache " + cache + " -o " + engine;
  const Outcome passed = run_tendon(debug + " --check 'test -s'");
  EXPECT_EQ(passed.status, 0) << passed.err;
  EXPECT_THAT(passed.out, HasSubstr("Every layer of the recipe may be INT8 (1 trial)"));
  EXPECT_EQ(run_tendon("inspect " + engine).status, 0);

  const Outcome failed = run_tendon(debug + " --check 'false {}'");
  EXPECT_EQ(failed.status, 1);
  EXPECT_THAT(failed.err, HasSubstr("even without INT8"));
  const Outcome missing = run_tendon(debug + " --check no-such-program-here");
  EXPECT_EQ(missing.status, 2);
  EXPECT_THAT(missing.err, HasSubstr("no such program"));
  EXPECT_EQ(run_tendon(debug).status, 2) << "no judge";
}

TEST(BuildInt8, CalibratesOnRecordedFramesAndKeepsTheCache) {
  const TempDir folder;
  const std::string cache = folder / "p.cache", engine = folder / "p.engine";
  const std::string build = "build " + kModel + " -o " + engine + kInt8 + "--inputs " +
                            source_path("tests/models/act_opset17.npz");
  const Outcome first = run_tendon(build + " --cache " + cache);
  ASSERT_EQ(first.status, 0) << first.err;
  EXPECT_THAT(first.err, HasSubstr("Saving calibration cache to " + cache));
  const Outcome again = run_tendon(build + " --cache " + cache);
  ASSERT_EQ(again.status, 0) << again.err;
  EXPECT_THAT(again.err, HasSubstr("Loading calibration cache from " + cache));
  EXPECT_EQ(run_tendon(build).status, 0) << "without a cache";

  const Outcome unused = run_tendon("build " + kModel + " -o " + engine + " --inputs " +
                                    source_path("tests/models/act_opset17.npz"));
  EXPECT_EQ(unused.status, 2);
  EXPECT_THAT(unused.err, HasSubstr("give --int8, or --fp16 and --device cuda"));
}

}  // namespace
}  // namespace tendon::testing
