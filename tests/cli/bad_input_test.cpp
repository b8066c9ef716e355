// Files and data that do not fit, as a user meets them: exit status 3, where, what was found, what
// was expected, what to do.
#include <filesystem>

#include "base/npz.h"
#include "cli/program.h"
#include "data/episode_files.h"
#include "support/onnx_builder.h"

namespace tendon::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

const std::string kEngine = source_path("tests/models/act_opset17_format1.engine");

struct Refused {
  std::string arguments;
  std::vector<std::string> parts;
  int status = 3;
};

void expect_refused(const std::vector<Refused>& cases) {
  for (const Refused& test : cases) {
    SCOPED_TRACE(test.arguments);
    const Outcome outcome = run_tendon(test.arguments);
    EXPECT_EQ(outcome.status, test.status);
    for (const std::string& part : test.parts) EXPECT_THAT(outcome.err, HasSubstr(part));
  }
}

TEST(BadInput, ArraysThatDoNotFitTheModel) {
  const TempDir folder;
  const TensorMap good = load_npz(source_path("tests/models/act_opset17.npz"));
  const Tensor& qpos = good.at("qpos");
  const Tensor& image = good.at("image");
  const auto run = [&](const std::string& name, const TensorMap& arrays) {
    save_npz(folder / name, arrays);
    return "run " + kEngine + " --inputs " + (folder / name);
  };
  expect_refused({
      {run("swapped.npz", {{"qpos", image}, {"image", qpos}}),
       {"swapped.npz: sample 0: 'qpos' has shape (1, 2, 3, 64, 96), the model takes (1, 14)",
        "the shape of 'image': are the two swapped?"}},
      {run("joints.npz", {{"qpos", Tensor(DataType::kFloat32, {1, 7})}, {"image", image}}),
       {"joints.npz: sample 0: 'qpos' has shape (1, 7), the model takes (1, 14)",
        "axis 1 is 7, expected 14", "another robot"}},
      {run("missing.npz", {{"qpos", qpos}}),
       {"missing.npz: sample 0: no array 'image'", "it has 'qpos'"}},
      {run("double.npz", {{"qpos", Tensor(DataType::kFloat64, {1, 14})}, {"image", image}}),
       {"'qpos' is float64, the model takes float32; save it as float32"}},
  });
}

TEST(BadInput, EpisodesAndStatisticsOfAnotherRobot) {
  const TempDir folder;
  write_episode(folder / "three.hdf5");
  write_episode(folder / "small.hdf5", {.joints = 14});
  write_episode(folder / "one_camera.hdf5", {.joints = 14, .cameras = {"top"}});
  write_text(folder / "three.json", R"({"qpos_mean": [0, 0, 0], "qpos_std": [1, 1, 1],
                                        "action_mean": [0, 0, 0], "action_std": [1, 1, 1]})");
  const std::string run = "run " + kEngine + " --frames 1 --episodes ";
  const std::string bundled = kPolicy + "episodes/episode_0.hdf5";
  expect_refused({
      {run + (folder / "three.hdf5"),
       {"three.hdf5: 3 joints, but the model's 'qpos' takes 14", "another robot"}},
      {run + (folder / "small.hdf5"),
       {"small.hdf5: frames of 16 x 32 pixels, but the model's 'image' takes (1, 2, 3, 64, 96)"}},
      {run + (folder / "one_camera.hdf5"),
       {"one_camera.hdf5: 1 cameras (top), but the model's 'image' takes 2", "--cameras"}},
      {run + (folder / "one_camera.hdf5") + " --cameras top,wrist",
       {"one_camera.hdf5: no camera 'wrist'", "it has top"}},
      {"run " + kPolicy +
           "policy.onnx --frames 1 --cameras top,left_wrist,right_wrist --episodes " + bundled +
           " --stats " + (folder / "three.json"),
       {"episode_0.hdf5", "14 joints", "the statistics 3 and 3", "another robot"}},
  });
}

TEST(BadInput, FilesCutShortAreNamed) {
  const TempDir folder;
  std::vector<Refused> cases;
  for (const std::string& file : {kEngine, kPolicy + "policy.onnx", kPolicy + "dataset_stats.pkl",
                                  kPolicy + "reference.npz", kPolicy + "episodes/episode_0.hdf5"}) {
    const std::string name = std::filesystem::path(file).filename().string();
    write_text(folder / name, std::string_view(read_text(file)).substr(0, 2000));
    cases.push_back({"inspect " + (folder / name), {name, "2000"}});
  }
  cases[1].parts = {cases[1].parts[0], "announced", "the message ends after"};
  cases[2].parts = {cases[2].parts[0], "wanted at offset", "truncated"};
  cases[3].parts = {cases[3].parts[0], "no ZIP end record", "truncated"};
  expect_refused(cases);
}

TEST(BadInput, NumbersThatMakeNoSense) {
  expect_refused({
      {"run " + kEngine + " --iterations x",
       {"--iterations: expected a number above 0, got 'x'"},
       2},
      {"run " + kEngine + " --iterations 0", {"expected a number above 0, got '0'"}, 2},
      {"run " + kEngine + " --warm-up -1", {"expected a number from 0 on, got '-1'"}, 2},
  });
}

// What runs an engine takes its CPUs; what only builds one does not.
TEST(BadInput, CpusThatAreNotThere) {
  const std::string inputs = " --inputs " + source_path("tests/models/act_opset17.npz");
  for (const std::string verb : {"run", "bench"}) {
    expect_refused({{verb + " " + kEngine + inputs + " --threads 2 --pin 0,1023",
                     {"CPU 1023 of '0,1023' is not among those that may be used"},
                     2}});
  }
  expect_refused({{"build " + kPolicy + "policy.onnx -o never.engine --pin 0", {"--pin"}, 2},
                  {"run " + kEngine + inputs + " --tactics", {"is built already"}, 2}});
}

// A name that would clear the terminal and rename its window arrives as text.
TEST(BadInput, NamesHoldNoControlCharacters) {
  const TempDir folder;
  OnnxBuilder m;
  m.input("x", {"1", "3"});
  m.node("Relu", {"x"}, {"\x1b[2J\x1b]0;gone\x07"});
  m.node("\x1b[2JNoSuchOperator", {"\x1b[2J\x1b]0;gone\x07"}, {"y"});
  m.output("y");
  write_text(folder / "hostile.onnx", m.text());
  const Outcome shown = run_tendon("inspect " + (folder / "hostile.onnx") + " --show layers");
  const Outcome refused = run_tendon("run " + (folder / "hostile.onnx"));
  EXPECT_NE(refused.status, 0);
  for (const std::string& text : {shown.out, shown.err, refused.out, refused.err}) {
    EXPECT_THAT(text, Not(HasSubstr("\x1b")));
    EXPECT_THAT(text, Not(HasSubstr("\x07")));
  }
  EXPECT_THAT(shown.out + shown.err, HasSubstr("\\x1b[2J"));
}

}  // namespace
}  // namespace tendon::testing
