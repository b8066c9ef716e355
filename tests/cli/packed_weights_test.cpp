// Packed weights of engine files on the command line.
#include <filesystem>

#include "base/json.h"
#include "cli/program.h"

namespace tendon::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

TEST(PackedWeightsOption, LeavesThemOutAndInspectSaysSo) {
  const TempDir folder;
  const std::string with = folder / "with.engine", without = folder / "without.engine";
  const std::string build = "build " + kPolicy + "policy.onnx --threads 2 -o ";
  ASSERT_EQ(run_tendon(build + with).status, 0);
  ASSERT_EQ(run_tendon(build + without + " --no-packed-weights").status, 0);
  const Json packed =
      parse_json(run_tendon("inspect " + with + " --json").out, with)["packed_weights"];
  const Json none =
      parse_json(run_tendon("inspect " + without + " --json").out, without)["packed_weights"];
  const auto bytes = packed["bytes"].get<uintmax_t>();
  if (bytes == 0) GTEST_SKIP() << "no kernel of this build packs weights";
  EXPECT_GT(packed["mapped"], 0);
  EXPECT_THAT(run_tendon("run " + with + " -v").err,
              HasSubstr("packed here from constants that the file holds as float16"));
  EXPECT_EQ(none["bytes"], 0);
  EXPECT_EQ(none["mapped"], 0);
  EXPECT_GE(std::filesystem::file_size(with), std::filesystem::file_size(without) + bytes);
  EXPECT_THAT(run_tendon("inspect " + with).out,
              AllOf(HasSubstr(" for Tendon "), HasSubstr("cpu:")));
  EXPECT_THAT(run_tendon("run " + without + " -v").err,
              HasSubstr("because the file was built without them"));
  const Outcome same = run_tendon("compare " + with + " " + without + " --atol 0 --rtol 0");
  EXPECT_EQ(same.status, 0) << same.err;
}

TEST(PackedWeightsOption, ConcernsBuildsAlone) {
  const Outcome run = run_tendon("run " + source_path("tests/models/act_opset17_format3.engine") +
                                 " --no-packed-weights");
  EXPECT_NE(run.status, 0);
}

}  // namespace
}  // namespace tendon::testing
