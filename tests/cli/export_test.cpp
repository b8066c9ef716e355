// `tendon export`, and checkpoints wherever a model is taken.
#include <nlohmann/json.hpp>

#include "cli/program.h"

namespace tendon::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using Json = nlohmann::json;

const std::string kCases = TENDON_SOURCE_DIR "/tests/models/checkpoints/";
const std::string kOriginal = kCases + "original/policy.ckpt";
const std::string kStats = kCases + "original/dataset_stats.pkl";
const std::string kLeRobot = kCases + "lerobot/pretrained_model";
const std::string kWhat = " --cameras top,left,right --height 34 --width 70";

TEST(Export, WritesAModelAndSaysWhatItIs) {
  const TempDir folder;
  const std::string model = folder / "policy.onnx";
  const Outcome made = run_tendon("export " + kOriginal + " -o " + model + kWhat);
  ASSERT_EQ(made.status, 0) << made.err;
  EXPECT_THAT(made.out, HasSubstr("original layout: 2 encoder layers and 3 decoder layers"));
  EXPECT_THAT(made.out, HasSubstr("decoder output  first (layer 1 of 3)"));
  EXPECT_THAT(made.out, HasSubstr("decoder layers 2 to 3"));
  EXPECT_THAT(made.out, HasSubstr("image [dtype=float32, shape=(batch, 3, 3, 34, 70)]"));
  EXPECT_THAT(made.out, HasSubstr("normalised; --raw-units"));
  const Outcome inspected = run_tendon("inspect " + model);
  EXPECT_THAT(inspected.out, HasSubstr("reach the output"));
  EXPECT_THAT(inspected.out, Not(HasSubstr("never reach")));
  EXPECT_THAT(inspected.out, HasSubstr("tendon.decoder_output = first (layer 1 of 3)"));

  const Outcome last = run_tendon("export " + kOriginal + " -o " + model + kWhat +
                                  " --decoder-output last --opset 13 --json");
  ASSERT_EQ(last.status, 0) << last.err;
  const Json result = Json::parse(last.out);
  EXPECT_EQ(result["opset"], 13);
  EXPECT_EQ(result["decoder_output"], "last (layer 3 of 3)");
  EXPECT_EQ(result["metadata"]["tendon.units"], "normalized");
  EXPECT_EQ(result["unused"].size(), 3u);
}

TEST(Export, RawUnitsAndImages) {
  const TempDir folder;
  const Outcome made = run_tendon("export " + kOriginal + " -o " + (folder / "raw.onnx") + kWhat +
                                  " --stats " + kStats + " --raw-units --raw-images");
  ASSERT_EQ(made.status, 0) << made.err;
  EXPECT_THAT(made.out, HasSubstr("image [dtype=uint8, shape=(batch, 3, 34, 70, 3)]"));
  EXPECT_THAT(made.out, HasSubstr("in the robot's units"));
}

TEST(Export, TakesLeRobotFolders) {
  const TempDir folder;
  const std::string model = folder / "policy.onnx";
  const Outcome made = run_tendon("export " + kLeRobot + " -o " + model + " --json");
  ASSERT_EQ(made.status, 0) << made.err;
  const Json result = Json::parse(made.out);
  EXPECT_EQ(result["layout"], "LeRobot");
  EXPECT_EQ(result["inputs"][1]["name"], "observation.images.top");
}

TEST(Export, SaysWhatIsMissing) {
  struct Case {
    std::string arguments;
    int status;
    const char* message;
  };
  const std::string output = " -o /tmp/never.onnx";
  for (const auto& [arguments, status, message] :
       {Case{kOriginal + output, 2, "--cameras cam_high"},
        Case{kOriginal + output + " --cameras top", 2, "--height 480 --width 640"},
        Case{kOriginal + output + kWhat + " --raw-units", 2, "--stats"},
        Case{kOriginal + output + kWhat + " --opset 12", 2, "--opset"},
        Case{kOriginal + output + kWhat + " --decoder-output middle", 2, "--decoder-output"},
        Case{kStats + output + kWhat, 3, "ZIP"}, Case{"/nowhere.ckpt" + output, 3, "/nowhere.ckpt"},
        Case{kCases + "lerobot" + output, 3, "config.json"}}) {
    const Outcome outcome = run_tendon("export " + arguments);
    EXPECT_EQ(outcome.status, status) << arguments << "\n" << outcome.err;
    EXPECT_THAT(outcome.err, HasSubstr(message)) << arguments;
  }
}

TEST(Export, InspectDescribesCheckpoints) {
  const Outcome original = run_tendon("inspect " + kOriginal + " --show weights");
  EXPECT_EQ(original.status, 0) << original.err;
  EXPECT_THAT(original.out, HasSubstr("ResNet-18 with 4 to 8 channels, shared by the cameras"));
  EXPECT_THAT(original.out, HasSubstr("6 steps of 5, from 5 joints"));
  EXPECT_THAT(original.out, HasSubstr("not in the file"));
  EXPECT_THAT(original.out, HasSubstr("dataset_stats.pkl: statistics of 5 joints and 5 actions"));
  EXPECT_THAT(original.out, HasSubstr("model.query_embed.weight"));

  const Outcome forks = run_tendon("inspect " + kCases + "original_forks/policy.ckpt");
  EXPECT_THAT(forks.out, HasSubstr("ResNet-34 with 2 to 4 channels, one for each of 2 cameras"));
  EXPECT_THAT(forks.out, HasSubstr("unusual: pre-norm"));

  const Outcome lerobot =
      run_tendon("inspect --json " + kCases + "lerobot_variant/pretrained_model");
  ASSERT_EQ(lerobot.status, 0) << lerobot.err;
  const Json found = Json::parse(lerobot.out);
  EXPECT_EQ(found["kind"], "checkpoint");
  EXPECT_EQ(found["features"].size(), 5u);
  EXPECT_EQ(found["features"][0]["normalization"], "MIN_MAX");
  EXPECT_EQ(found["activation"], "gelu");

  const Outcome weights = run_tendon("inspect " + kLeRobot + "/model.safetensors");
  EXPECT_THAT(weights.out, HasSubstr("ACT, LeRobot layout"));
  const Outcome state = run_tendon("inspect " + kLeRobot +
                                   "/policy_preprocessor_step_3_normalizer_processor.safetensors");
  EXPECT_EQ(state.status, 0) << state.err;
  EXPECT_THAT(state.out, HasSubstr("observation.state.mean"));
}

TEST(Export, CheckpointsGoWhereModelsGo) {
  const TempDir folder;
  const std::string engine = folder / "policy.engine";
  const Outcome built = run_tendon("build " + kOriginal + " -o " + engine + kWhat);
  ASSERT_EQ(built.status, 0) << built.err;
  const Outcome same = run_tendon("compare " + engine + " " + kOriginal + kWhat + " --atol 1e-6");
  EXPECT_EQ(same.status, 0) << same.err;
  EXPECT_EQ(run_tendon("bench " + kLeRobot + " --iterations 2 --warm-up 0").status, 0);
  const Outcome mixed =
      run_tendon("compare " + engine + " " + kOriginal + kWhat + " --raw-units --stats " + kStats);
  EXPECT_EQ(mixed.status, 2) << mixed.err;
  EXPECT_THAT(mixed.err, HasSubstr("the robot's units"));
}

}  // namespace
}  // namespace tendon::testing
