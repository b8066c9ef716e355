// `tendon build --bf16` as a user calls it, where bfloat16 pays and where it does not.
#include "backends/cpu/bfloat16.h"
#include "cli/program.h"

namespace tendon::testing {
namespace {

using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;

struct Built {
  std::string log;
  std::string layers;
};

Built build_in_bfloat16(const std::string& environment) {
  const TempDir folder;
  const std::string engine = folder / "b.engine";
  const Outcome built = run_tendon("build " + kModel + " -o " + engine + " --bf16 -v", environment);
  EXPECT_EQ(built.status, 0) << built.err;
  const Outcome shown = run_tendon("inspect " + engine + " --show layers", environment);
  EXPECT_EQ(shown.status, 0) << shown.err;
  return {built.err, shown.out};
}

void expect_float32(const Built& built, const char* reason) {
  EXPECT_THAT(built.log, HasSubstr("BF16 is allowed, but device 'cpu' has no bfloat16 arithmetic"));
  EXPECT_THAT(built.log, HasSubstr(reason));
  EXPECT_THAT(built.log, HasSubstr("float32 is used"));
  EXPECT_THAT(built.log, ContainsRegex("Flags +\\| \\[\\]"));
  EXPECT_THAT(built.layers, HasSubstr("float32"));
  EXPECT_THAT(built.layers, Not(HasSubstr("bfloat16")));
}

TEST(BuildBfloat16, ACpuWithoutTheInstructionsUsesFloat32AndSaysSo) {
  expect_float32(build_in_bfloat16("DNNL_MAX_CPU_ISA=AVX2"), "no AVX-512 BF16 instructions");
}

TEST(BuildBfloat16, ACpuWithThemUsesThemWhereTheyAreFaster) {
  if (!cpu::multiplies_bfloat16()) GTEST_SKIP() << "this CPU multiplies no bfloat16";
  const Built built = build_in_bfloat16("");
  if (!cpu::bfloat16_pays()) {
    expect_float32(built, "no faster than float32's");
    return;
  }
  EXPECT_THAT(built.log, Not(HasSubstr("no bfloat16 arithmetic")));
  EXPECT_THAT(built.log, ContainsRegex("Flags +\\| \\[BF16\\]"));
  EXPECT_THAT(built.log,
              ContainsRegex("\\[/action_head/[A-Za-z]+\\] stays in float32: makes an output"));
  EXPECT_THAT(built.layers, ContainsRegex("FusedConv +[a-z0-9:]+ +bfloat16"));
}

}  // namespace
}  // namespace tendon::testing
