// Kernels chosen by time, on the command line: the cache, the replay, and what contradicts.
#include "base/json.h"
#include "cli/program.h"

namespace tendon::testing {
namespace {

using ::testing::HasSubstr;

TEST(TacticsOptions, ASecondBuildTakesItsTimesFromTheCache) {
  const TempDir folder;
  const std::string cache = folder / "timing.json";
  const std::string build =
      "build " + kModel + " -o " + (folder / "a.engine") + " --timing-cache " + cache;
  const Outcome first = run_tendon(build + " --explain");
  ASSERT_EQ(first.status, 0) << first.err;
  EXPECT_THAT(first.err, HasSubstr("Saved the times of"));
  EXPECT_THAT(first.err, HasSubstr(" took "));
  const Json json = parse_json(read_text(cache), cache);
  EXPECT_GT(json["layers"].size(), 0u);
  const Outcome second = run_tendon(build);
  ASSERT_EQ(second.status, 0) << second.err;
  EXPECT_THAT(second.err, HasSubstr("Loaded the times of"));
  EXPECT_THAT(second.err, HasSubstr("timed those of 0 layers"));
  EXPECT_EQ(run_tendon("run " + (folder / "a.engine")).status, 0);
}

TEST(TacticsOptions, ASavedChoiceIsTakenAgain) {
  const TempDir folder;
  const std::string tactics = folder / "tactics.json", again = folder / "again.json";
  const std::string build = "build " + kModel + " -o " + (folder / "a.engine");
  ASSERT_EQ(run_tendon(build + " --tactics --save-tactics " + tactics).status, 0);
  const Outcome replayed =
      run_tendon(build + " --load-tactics " + tactics + " --save-tactics " + again);
  ASSERT_EQ(replayed.status, 0) << replayed.err;
  EXPECT_EQ(read_text(again), read_text(tactics));
  const Outcome other =
      run_tendon("build " TENDON_SOURCE_DIR "/tests/models/lerobot_opset17.onnx -o " +
                 (folder / "b.engine") + " --load-tactics " + tactics);
  EXPECT_EQ(other.status, 2);
  EXPECT_THAT(other.err, HasSubstr("another model"));
}

TEST(TacticsOptions, WhatContradictsIsRefused) {
  const TempDir folder;
  const std::string build = "build " + kModel + " -o " + (folder / "a.engine");
  const std::string file = folder / "file.json";
  EXPECT_EQ(run_tendon(build + " --no-tactics --timing-cache " + file).status, 2);
  EXPECT_EQ(run_tendon(build + " --tactics --load-tactics " + file).status, 2);
  write_text(file, "{\"format\": \"other\"}");
  const Outcome damaged = run_tendon(build + " --timing-cache " + file);
  EXPECT_EQ(damaged.status, 3);
  EXPECT_THAT(damaged.err, HasSubstr("tendon timing cache"));
  EXPECT_EQ(read_text(file), "{\"format\": \"other\"}") << "not overwritten";
}

}  // namespace
}  // namespace tendon::testing
