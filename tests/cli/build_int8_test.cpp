// `tendon build --int8` as a user calls it.
#include "cli/program.h"

namespace tendon::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(BuildInt8, AReducedRangeTakesThe8BitInstructions) {
  const TempDir folder;
  const std::string cache = folder / "r.cache", engine = folder / "r.engine";
  ASSERT_EQ(run_tendon("calibrate " + kModel + " -o " + cache + " --random r2 --frames 1").status,
            0);
  const std::string build = "build " + kModel + " -o " + engine + " --reduce-range";
  EXPECT_EQ(run_tendon(build).status, 2) << "without --int8";

  const Outcome built = run_tendon(build + " --int8 --precision '*=int8' --cache " + cache);
  ASSERT_EQ(built.status, 0) << built.err;
  EXPECT_THAT(built.err, HasSubstr("codes -63 to 63"));
  const Outcome shown = run_tendon("inspect " + engine + " --show layers");
  EXPECT_THAT(shown.out, HasSubstr("onednn:int8_conv"));
  EXPECT_THAT(shown.out, Not(HasSubstr("simd:int16")));
}

}  // namespace
}  // namespace tendon::testing
