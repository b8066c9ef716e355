// `tendon calibrate` on the bundled policy and on small episodes, as a user calls it.
#include <bit>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>

#include "cli/program.h"
#include "data/episode_files.h"
#include "support/onnx_builder.h"

namespace tendon::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using Json = nlohmann::json;

/// The bundled policy on its episodes, with `more` options.
Outcome calibrate_policy(const std::string& output, const std::string& more) {
  return run_tendon("calibrate " + kPolicy + "policy.onnx -o " + output + " --episodes " + kPolicy +
                    "episodes --stats " + kPolicy +
                    "dataset_stats.pkl --cameras top,left_wrist,right_wrist --color rgb " + more);
}

TEST(CalibrateVerb, EpisodesToCacheWithCoverage) {
  const TempDir folder;
  const std::string cache = folder / "policy.cache";
  const Outcome done = calibrate_policy(cache, "--frames 6 --json");
  ASSERT_EQ(done.status, 0) << done.err;
  EXPECT_THAT(done.err, HasSubstr("Created calibrator [cache=" + cache + "]"));
  EXPECT_THAT(done.err, HasSubstr("Saving calibration cache to " + cache));
  EXPECT_THAT(done.err, Not(HasSubstr("another order")));
  const Json result = Json::parse(done.out);
  EXPECT_EQ(result["frames"], 6);
  EXPECT_EQ(result["coverage"]["joints"].size(), 14u);
  EXPECT_EQ(result["coverage"]["cameras"][1]["name"], "left_wrist");
  EXPECT_GT(result["coverage"]["cameras"][0]["sample_brightness"], 0.05);
  EXPECT_GT(result["ranges"].size(), 60u);
  EXPECT_TRUE(read_text(cache).starts_with("TRT-100300-EntropyCalibration2\n"));
  const Json beside = Json::parse(read_text(cache + ".json"));
  EXPECT_EQ(beside["preprocessing"]["cameras"],
            (std::vector<std::string>{"top", "left_wrist", "right_wrist"}));
  EXPECT_EQ(beside["frames"].size(), 6u);
  EXPECT_THAT(beside["frames"][0][1], HasSubstr("episode_"));
}

/// A policy that reads the first of two cameras only: one action, the number of the step, which the
/// brightness of write_episode's frames of 4 x 4 pixels gives.
std::string first_camera_policy() {
  OnnxBuilder m;
  const auto number = [&](std::string_view name, float value) {
    m.initializer(name, Tensor::from<float>({1}, {value}));
  };
  m.input("image", {"1", "2", "3", "4", "4"});
  m.input("qpos", {"1", "3"});
  m.initializer("first", Tensor::from<int64_t>({}, {0}));
  m.initializer("shape", Tensor::from<int64_t>({3}, {1, 1, 3}));
  number("slope", 51);
  number("offset", -9.5);
  number("little", 1e-3F);
  m.node("Gather", {"image", "first"}, {"frame"}, {{"axis", int64_t{1}}});
  m.node("ReduceMean", {"frame"}, {"mean"},
         {{"axes", std::vector<int64_t>{1, 2}}, {"keepdims", int64_t{0}}});
  m.node("ReduceMean", {"mean"}, {"brightness"},
         {{"axes", std::vector<int64_t>{1}}, {"keepdims", int64_t{1}}});
  m.node("Mul", {"brightness", "slope"}, {"scaled"});
  m.node("Add", {"scaled", "offset"}, {"step"});
  m.node("Mul", {"qpos", "little"}, {"shift"});
  m.node("Add", {"step", "shift"}, {"flat"});
  m.node("Reshape", {"flat", "shape"}, {"action"});
  m.output("action");
  return m.text();
}

TEST(CalibrateVerb, MixedUpCamerasAreNoticed) {
  const TempDir folder;
  write_text(folder / "policy.onnx", first_camera_policy());
  write_text(
      folder / "stats.json",
      R"({"qpos_mean": [0, 0, 0], "qpos_std": [1, 1, 1], "action_mean": [100, 100.125, 100.25],
                 "action_std": [1, 1, 1]})");
  write_episode(folder / "episode_0.hdf5", {.steps = 6, .height = 4, .width = 4});
  const auto calibrate = [&](const std::string& cameras) {
    return run_tendon("calibrate " + (folder / "policy.onnx") + " -o " + (folder / "x.cache") +
                      " --episodes " + (folder / "episode_0.hdf5") + " --stats " +
                      (folder / "stats.json") + " --color rgb --algorithm minmax --cameras " +
                      cameras);
  };
  const Outcome good = calibrate("left,top");
  ASSERT_EQ(good.status, 0) << good.err;
  EXPECT_THAT(good.err, Not(HasSubstr("another order")));
  const Outcome mixed = calibrate("top,left");
  ASSERT_EQ(mixed.status, 0) << mixed.err;
  EXPECT_THAT(mixed.err, HasSubstr("The cameras seem to be in another order"));
  EXPECT_THAT(mixed.err, HasSubstr("as left,top only 0.0"));
}

/// Scale by value, as a cache's lines say.
std::map<std::string, float> scales_of(const std::string& cache) {
  std::istringstream lines(read_text(cache));
  std::string line;
  std::getline(lines, line);
  std::map<std::string, float> scales;
  while (std::getline(lines, line)) {
    const size_t colon = line.rfind(": ");
    const auto bits = static_cast<uint32_t>(std::stoul(line.substr(colon + 2), nullptr, 16));
    scales[line.substr(0, colon)] = std::bit_cast<float>(bits);
  }
  return scales;
}

// Behind the inputs nothing changes: such a policy must see the joints and frames as recorded.
TEST(CalibrateVerb, PoliciesInTheRobotsUnitsSeeWhatWasRecorded) {
  const TempDir folder;
  const std::string checkpoint = source_path("tests/models/checkpoints/original/");
  write_episode(
      folder / "episode_0.hdf5",
      {.steps = 4, .joints = 5, .height = 34, .width = 70, .cameras = {"top", "left", "right"}});
  const std::string stats = " --stats " + checkpoint + "dataset_stats.pkl";
  const auto scales = [&](const std::string& name, const std::string& flags) {
    const std::string model = folder / (name + ".onnx"), cache = folder / (name + ".cache");
    const Outcome made = run_tendon("export " + checkpoint + "policy.ckpt -o " + model +
                                    " --cameras top,left,right --height 34 --width 70" + flags);
    EXPECT_EQ(made.status, 0) << made.err;
    const Outcome done = run_tendon("calibrate " + model + " -o " + cache + " --episodes " +
                                    (folder / "episode_0.hdf5") + stats +
                                    " --cameras top,left,right --color rgb --algorithm minmax");
    EXPECT_EQ(done.status, 0) << done.err;
    const Outcome ran = run_tendon("run " + model + " --episodes " + (folder / "episode_0.hdf5") +
                                   stats + " --cameras top,left,right --color rgb");
    EXPECT_EQ(ran.status, 0) << ran.err;
    return scales_of(cache);
  };
  const auto plain = scales("plain", "");
  const std::string inner = "model.transformer.decoder.layers.0.activation";
  ASSERT_TRUE(plain.contains(inner));
  for (const std::string flags : {" --raw-units", " --raw-units --raw-images"}) {
    const auto raw = scales("raw", stats + flags);
    ASSERT_TRUE(raw.contains(inner)) << flags;
    EXPECT_NEAR(raw.at(inner), plain.at(inner), 1e-3f * plain.at(inner)) << flags;
    EXPECT_GT(std::abs(raw.at("qpos") / plain.at("qpos") - 1), 0.01f) << flags;
  }
}

TEST(CalibrateVerb, PartsMergeAndRangesChangeWithoutData) {
  const TempDir folder;
  const std::string few = "--frames 4 --algorithm percentile ";
  const std::string whole = folder / "whole", one = folder / "1", two = folder / "2",
                    merged = folder / "merged", widest = folder / "widest";
  ASSERT_EQ(calibrate_policy(whole, few + "-q").status, 0);
  ASSERT_EQ(calibrate_policy(one, few + "--shard 1/2").status, 0);
  ASSERT_EQ(calibrate_policy(two, few + "--shard 2/2 --batch-size 2").status, 0);
  const Outcome done = run_tendon("calibrate merge " + two + " " + one + " -o " + merged);
  ASSERT_EQ(done.status, 0) << done.err;
  EXPECT_EQ(read_text(merged), read_text(whole));
  EXPECT_EQ(read_text(merged + ".json"), read_text(whole + ".json"));
  EXPECT_EQ(run_tendon("calibrate merge " + one + " -o " + merged).status, 3);
  const std::string judged = folder / "judged";
  EXPECT_EQ(run_tendon("calibrate merge " + whole + " --algorithm auto -o " + judged).status, 2);
  const Outcome again = run_tendon("calibrate merge " + whole + " -o " + widest +
                                   " --algorithm minmax --trt-version 8502");
  ASSERT_EQ(again.status, 0) << again.err;
  EXPECT_TRUE(read_text(widest).starts_with("TRT-8502-MinMaxCalibration\n"));
}

TEST(CalibrateVerb, Baselines) {
  const TempDir folder;
  const std::string cache = folder / "r.cache";
  for (const char* name : {"r0", "uniform", "r2 --frames 2"}) {
    const Outcome done =
        run_tendon("calibrate " + kModel + " -o " + cache + " --json --random " + name);
    ASSERT_EQ(done.status, 0) << done.err;
    EXPECT_TRUE(std::filesystem::exists(cache + ".json"));
    EXPECT_EQ(done.err.find("randomly generated input data") != std::string::npos,
              std::string(name) != "r0");
  }
  const std::string again = folder / "again.cache";
  ASSERT_EQ(run_tendon("calibrate " + kModel + " -o " + again + " --random r2 --frames 2").status,
            0);
  EXPECT_EQ(read_text(again), read_text(cache)) << "seeded";
}

/// Episodes that fit act_opset17.onnx but for what `spec` says.
std::string small_episode(const TempDir& folder, const EpisodeSpec& spec) {
  const std::string path = folder / "episode_0.hdf5";
  write_episode(path, spec);
  return path;
}

TEST(CalibrateVerb, WrongUsageAndBadInput) {
  const TempDir folder;
  const std::string out = " -o " + (folder / "x.cache");
  const std::string episodes = " --episodes " + kPolicy + "episodes --stats " + kPolicy +
                               "dataset_stats.pkl --color rgb --frames 2";
  const std::string cameras = " --cameras top,left_wrist,right_wrist";
  const std::string robot =
      " --episodes " + small_episode(folder, {.joints = 3, .cameras = {"top"}});
  struct Case {
    std::string arguments;
    int status;
    const char* message;
  };
  for (const auto& [arguments, status, message] : {
           Case{out, 2, "MODEL is missing"},
           Case{kModel + out, 2, "nothing to calibrate on"},
           Case{kModel + out + " --random gauss", 2, "no random baseline 'gauss'"},
           Case{kModel + out + " --random r3", 2, "give --episodes"},
           Case{kModel + out + " --random r2 --algorithm kl", 2, "no calibration algorithm 'kl'"},
           Case{kModel + out + " --random r2 --algorithm percentile --quantile 0", 2,
                "quantile is 0"},
           Case{kModel + out + " --random r2 --algorithm percentile --quantile 2", 2,
                "quantile is 2"},
           Case{kModel + out + " --random r2 --shard 3/2", 2, "--shard '3/2'"},
           Case{kModel + out + " --random r2 --frames 1 --trt-version 10.3", 2, "'10.3'"},
           Case{kPolicy + "policy.onnx" + out + episodes + cameras + " --sampling dense", 2,
                "'dense'"},
           Case{kPolicy + "policy.onnx" + out + episodes + " --cameras top,left_wrist", 3,
                "2 camera(s) (top, left_wrist), the model takes 3"},
           Case{kPolicy + "policy.onnx" + out + robot + " --cameras top --stats " + kPolicy +
                    "dataset_stats.pkl",
                3, "statistics of another robot"},
           Case{kModel + out + " --inputs " + kPolicy + "dataset_stats.pkl", 2, ""},
       }) {
    const Outcome outcome = run_tendon("calibrate " + arguments);
    EXPECT_EQ(outcome.status, status) << arguments << "\n" << outcome.err;
    EXPECT_THAT(outcome.err, HasSubstr(message)) << arguments;
    EXPECT_FALSE(std::filesystem::exists(folder / "x.cache"));
  }
}

TEST(CalibrateVerb, UnderMpirunWithoutMpiItRefuses) {
#ifndef TENDON_MPI
  const Outcome outcome =
      run_tendon("calibrate " + kModel + " -o x.cache --random r0", "OMPI_COMM_WORLD_SIZE=2");
  EXPECT_EQ(outcome.status, 4);
  EXPECT_THAT(outcome.err, HasSubstr("-DTENDON_MPI=ON"));
#endif
}

}  // namespace
}  // namespace tendon::testing
