// `tendon build --fp16` with calibration data, on a machine without a GPU.
#include "backends/registry.h"
#include "cli/program.h"

namespace tendon::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

const std::string kRecorded =
    " --episodes " + kPolicy + "episodes --stats " + kPolicy +
    "dataset_stats.pkl --cameras top,left_wrist,right_wrist --color rgb --frames 2";

TEST(BuildFloat16, ACpuSaysThatCalibrationDataServesGpus) {
  const TempDir folder;
  const std::string cache = folder / "r.cache", engine = folder / "r.engine";
  ASSERT_EQ(run_tendon("calibrate " + kModel + " -o " + cache + " --random r2 --frames 1").status,
            0);
  const std::string build = "build " + kModel + " -o " + engine + " --fp16";
  const Outcome built = run_tendon(build + " --cache " + cache);
  ASSERT_EQ(built.status, 0) << built.err;
  EXPECT_THAT(built.err, HasSubstr("neither INT8 nor, on a GPU, FP16 is allowed: it is not used"));
  const Outcome refused = run_tendon(build + kRecorded);
  EXPECT_EQ(refused.status, 2);
  EXPECT_THAT(refused.err, HasSubstr("give --int8, or --fp16 and --device cuda"));
}

TEST(BuildFloat16, WithoutAGpuNothingIsCalibratedForOne) {
  if (find_gpu().available) GTEST_SKIP() << "this machine has a GPU";
  const TempDir folder;
  const std::string cache = folder / "r.cache";
  const Outcome refused =
      run_tendon("build " + kPolicy + "policy.onnx -o " + (folder / "r.engine") +
                 " --device cuda --fp16 --cache " + cache + kRecorded);
  EXPECT_EQ(refused.status, 4) << refused.err;
  EXPECT_THAT(refused.err, Not(HasSubstr("Calibrat")));
}

TEST(BuildFloat16, HelpNamesWhatKeepsLayersInFloat32) {
  const std::string help = run_tendon("build --help").out;
  EXPECT_THAT(help, HasSubstr("--device cuda --fp16 --episodes"));
  EXPECT_THAT(help, HasSubstr("ranges for INT8 and FP16"));
}

}  // namespace
}  // namespace tendon::testing
