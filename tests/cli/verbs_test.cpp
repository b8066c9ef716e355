// The verbs on the bundled policy, as a user calls them.
#include <nlohmann/json.hpp>

#include "cli/program.h"

namespace tendon::testing {
namespace {

using ::testing::HasSubstr;
using Json = nlohmann::json;

const std::string kModels = TENDON_SOURCE_DIR "/tests/models/";

TEST(Verbs, BuildThenCompareWithRecordedOutputs) {
  const TempDir folder;
  const std::string engine = folder / "policy.engine";
  const Outcome built = run_tendon("build " + kPolicy + "policy.onnx -o " + engine);
  ASSERT_EQ(built.status, 0) << built.err;
  EXPECT_THAT(built.err, HasSubstr("1.6 M of 5.5 M parameters never reach the output"));
  const std::string recorded = kPolicy + "reference.npz";
  const std::string compare = "compare " + recorded + " " + engine + " --inputs " + recorded +
                              " --stats " + kPolicy + "dataset_stats.pkl --json --limit ";
  const Outcome close = run_tendon(compare + "'*=1e-4'");
  ASSERT_EQ(close.status, 0) << close.err;
  const Json result = Json::parse(close.out);
  EXPECT_LE(result["actions"][0]["overall"]["max"].get<double>(), 2e-5);
  EXPECT_EQ(result["actions"][0]["joints"].size(), 14u);
  EXPECT_EQ(result["outputs"].size(), 8u);
  EXPECT_EQ(run_tendon(compare + "left_elbow=1e-12").status, 1);
  EXPECT_EQ(run_tendon(compare + "tail=1").status, 2);
}

// The file was built on an NVIDIA H100.
TEST(Verbs, AnEngineOfAGpuIsInspectedAnywhere) {
  const std::string engine = kModels + "act_opset17_cuda.engine";
  const Outcome text = run_tendon("inspect " + engine);
  ASSERT_EQ(text.status, 0) << text.err;
  EXPECT_THAT(text.out, HasSubstr("engine for cuda"));
  EXPECT_THAT(text.out, HasSubstr("wgmma:"));
  EXPECT_THAT(text.out, HasSubstr("GPU memory"));
  const Json json = Json::parse(run_tendon("inspect " + engine + " --show layers --json").out);
  EXPECT_GT(json["gpu_memory"]["weight_bytes"].get<int64_t>(), 0);
  EXPECT_GT(json["layers"].size(), 20u);
  if (!json.contains("unavailable")) GTEST_SKIP() << "this machine has a GPU";
  EXPECT_THAT(text.out, HasSubstr("not here"));
  const std::string cpu = kModels + "act_opset17_format2.engine";
  for (const std::string& verb :
       {"bench " + engine, "run " + engine, "compare " + cpu + " " + engine}) {
    const Outcome outcome = run_tendon(verb);
    EXPECT_EQ(outcome.status, 4) << verb;
    EXPECT_THAT(outcome.err, HasSubstr("act_opset17_cuda.engine' cannot run here: it was built for "
                                       "device 'cuda' (cuda: NVIDIA H100"));
    EXPECT_THAT(outcome.err, HasSubstr("Run it on a machine with such a device, or build"));
  }
}

TEST(Verbs, RunOverAnEpisodeSavesWhatItComputed) {
  const TempDir folder;
  const std::string outputs = folder / "outputs.npz";
  const Outcome ran = run_tendon("run " + kPolicy + "policy.onnx --episodes " + kPolicy +
                                 "episodes/episode_4.hdf5 --stats " + kPolicy +
                                 "dataset_stats.pkl --cameras top,left_wrist,right_wrist "
                                 "--stride 200 --validate --json --save-outputs " +
                                 outputs);
  ASSERT_EQ(ran.status, 0) << ran.err;
  EXPECT_EQ(Json::parse(ran.out)["iterations"], 2);
  const Outcome arrays = run_tendon("inspect " + outputs);
  EXPECT_EQ(arrays.status, 0) << arrays.err;
  EXPECT_THAT(arrays.out, HasSubstr("action"));
}

TEST(Verbs, InspectSaysWhatEveryKindOfFileHolds) {
  struct Case {
    std::string file;
    const char* text;
  };
  for (const auto& [file, text] : {Case{kPolicy + "policy.onnx", "6 of 7 decoder layers"},
                                   Case{kModels + "act_opset13.onnx", "2 of 3 decoder layers"},
                                   Case{kPolicy + "dataset_stats.pkl", "left_elbow"},
                                   Case{kPolicy + "reference.npz", "qpos_raw"},
                                   Case{kPolicy + "episodes", "left_wrist, right_wrist, top"}}) {
    const Outcome found = run_tendon("inspect " + file);
    EXPECT_EQ(found.status, 0) << found.err;
    EXPECT_THAT(found.out, HasSubstr(text));
  }
}

TEST(Verbs, BenchGivesPercentilesAndLayers) {
  const TempDir folder;
  const std::string trace = folder / "trace.json";
  const Outcome bench = run_tendon(
      "bench " + kModels + "act_opset17.onnx --iterations 3 --profile --json --trace " + trace);
  ASSERT_EQ(bench.status, 0) << bench.err;
  const Json result = Json::parse(bench.out);
  EXPECT_EQ(result["iterations"], 3);
  EXPECT_LE(result["latency_ms"]["min"].get<double>(), result["latency_ms"]["p99"].get<double>());
  EXPECT_EQ(result["layers"].size(), result["kernels_per_inference"].get<size_t>());
  const Json events = Json::parse(read_text(trace))["traceEvents"];
  ASSERT_EQ(events.size(), result["layers"].size());
  EXPECT_GT(result["peak"]["gigabytesPerSecond"].get<double>(), 0);
  const double peak = result["peak"]["float32Gflops"].get<double>();
  int shares = 0;
  for (size_t i = 0; i < events.size(); ++i) {
    const Json& layer = result["layers"][i];
    EXPECT_GT(layer["bytes"].get<int64_t>(), 0);
    EXPECT_EQ(events[i]["args"]["bytes"], layer["bytes"]);
    if (!layer.contains("shareOfPeak")) continue;
    ++shares;
    EXPECT_DOUBLE_EQ(layer["shareOfPeak"].get<double>() * peak, layer["gflops"].get<double>());
  }
  EXPECT_GT(shares, 10);
}

TEST(Verbs, BenchTellsTheMachinesJitterFromTheEngines) {
  const std::string bench = "bench " + kModels + "act_opset17.onnx --iterations 5 --warm-up 0";
  const Outcome with = run_tendon(bench + " --jitter --json");
  ASSERT_EQ(with.status, 0) << with.err;
  EXPECT_GT(Json::parse(with.out)["machine_ms"]["min"].get<double>(), 0);
  EXPECT_THAT(run_tendon(bench + " --jitter").out, HasSubstr("of a loop of arithmetic"));
  EXPECT_FALSE(Json::parse(run_tendon(bench + " --json").out).contains("machine_ms"));
}

TEST(Verbs, WrongUsageAndBadFilesSayWhatToDo) {
  struct Case {
    std::string arguments;
    int status;
    const char* message;
  };
  const std::string model = kModels + "act_opset17.onnx";
  for (const auto& [arguments, status, message] :
       {Case{"build /nowhere.onnx -o x.engine", 3, "cannot open '/nowhere.onnx'"},
        Case{"build " + model + " -o x.engine --int8", 2, "no calibrator was provided"},
        Case{"run " + model + " --shapes image:2xa", 2, "INPUT:MIN:OPT:MAX"},
        Case{"run " + model + " --shapes images:1x2", 2, "images"},
        Case{"run " + kPolicy + "dataset_stats.pkl", 3, "neither a model"},
        Case{"run " + model + " --device tpu", 2, "tpu"},
        Case{"inspect " TENDON_SOURCE_DIR "/CMakeLists.txt", 3, "of no known kind"},
        Case{"compare " + kPolicy + "reference.npz " + kPolicy + "reference.npz", 2,
             "recorded outputs"}}) {
    const Outcome outcome = run_tendon(arguments);
    EXPECT_EQ(outcome.status, status) << arguments << "\n" << outcome.err;
    EXPECT_THAT(outcome.err, HasSubstr(message)) << arguments;
  }
}

}  // namespace
}  // namespace tendon::testing
