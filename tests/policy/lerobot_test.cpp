// LeRobot's folders: the committed one as it is, and with one file changed at a time.
#include "policy/lerobot.h"

#include <nlohmann/json.hpp>

#include "policy/checkpoint.h"
#include "support/files.h"
#include "support/torch_files.h"

namespace tendon {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using testing::expect_bad_input;
using testing::expect_error;
using testing::read_text;
using testing::source_path;
using testing::write_text;
using TestJson = nlohmann::ordered_json;

constexpr const char* kBefore = "policy_preprocessor.json";

/// A copy of a committed folder whose files may be changed.
class Folder {
 public:
  explicit Folder(const std::string& name = "lerobot") {
    fs::copy(source_path("tests/models/checkpoints/" + name + "/pretrained_model"), path_.path());
  }
  std::string path() const { return path_.path().string(); }
  std::string file(const std::string& name) const { return path_ / name; }
  template <class Change>
  Folder& change(const std::string& name, Change&& change) {
    TestJson json = TestJson::parse(read_text(file(name)));
    change(json);
    write_text(file(name), json.dump());
    return *this;
  }
  Folder& remove(const std::string& name) {
    fs::remove(file(name));
    return *this;
  }
  Graph graph(const CheckpointOptions& options = {}) const {
    return graph_from_checkpoint(load_policy_checkpoint(path()), options);
  }

 private:
  testing::TempDir path_;
};

std::vector<std::string> input_names(const Graph& graph) {
  std::vector<std::string> names;
  for (const GraphInput& input : graph.inputs()) names.push_back(graph.value(input.value).name);
  return names;
}

TEST(LeRobot, NamesInputsAsItsFeatures) {
  const Folder folder;
  const Graph graph = folder.graph();
  EXPECT_THAT(input_names(graph), ElementsAre("observation.state", "observation.images.top",
                                              "observation.images.wrist"));
  EXPECT_EQ(graph.value(graph.outputs()[0]).name, "action");
  EXPECT_EQ(graph.metadata.at("tendon.cameras"), "observation.images.top,observation.images.wrist");
  EXPECT_EQ(graph.metadata.at("tendon.image_sizes"), "40x70,40x70");
  EXPECT_EQ(graph.metadata.at("tendon.decoder_output"), "last (layer 1 of 1)");
  EXPECT_THAT(graph.metadata.at("tendon.normalization"), ::testing::HasSubstr("observation.state"));
}

TEST(LeRobot, ReadsModesAndStatistics) {
  const Folder folder("lerobot_variant");
  const LeRobotPolicy policy = *load_policy_checkpoint(folder.path()).lerobot;
  EXPECT_EQ(policy.heads, 4);
  EXPECT_TRUE(policy.pre_norm);
  EXPECT_TRUE(policy.dilated);
  EXPECT_EQ(policy.activation, "gelu");
  EXPECT_EQ(policy.before.mode_of("STATE"), NormalizationMode::kMinMax);
  EXPECT_EQ(policy.before.mode_of("ENV"), NormalizationMode::kQuantile10);
  EXPECT_EQ(policy.after.mode_of("ACTION"), NormalizationMode::kQuantiles);
  EXPECT_TRUE(policy.before.input(policy.cameras[0]).empty());
  EXPECT_EQ(policy.before.input(*policy.state).scale.size(), 5u);
  EXPECT_EQ(policy.before.zero_range, ZeroRange::kReplaced);

  const LeRobotPolicy old = *load_policy_checkpoint(Folder("lerobot_buffers").path()).lerobot;
  EXPECT_EQ(old.before.zero_range, ZeroRange::kAdded);
  EXPECT_EQ(old.before.mode_of("VISUAL"), NormalizationMode::kMinMax);
  EXPECT_EQ(old.before.input(old.cameras[0]).center.size(), 3u);
  EXPECT_EQ(old.after.output(old.action).center.size(), 5u);
}

TEST(LeRobot, AStepChoosesWhatItNormalises) {
  Folder folder;
  folder.change(kBefore, [](TestJson& json) {
    json["steps"][3]["config"]["normalize_observation_keys"] = {"observation.images.top"};
  });
  const LeRobotPolicy chosen = *load_policy_checkpoint(folder.path()).lerobot;
  EXPECT_TRUE(chosen.before.input(*chosen.state).empty());
  EXPECT_FALSE(chosen.before.input(chosen.cameras[0]).empty());
  folder.change(kBefore, [](TestJson& json) { json["steps"].erase(3); });
  const LeRobotPolicy none = *load_policy_checkpoint(folder.path()).lerobot;
  EXPECT_TRUE(none.before.input(none.cameras[0]).empty());
  EXPECT_NO_THROW(folder.graph());
}

TEST(LeRobot, RefusesFoldersThatLackSomething) {
  expect_bad_input({"no model.safetensors", "pretrained_model"},
                   [] { Folder().remove("model.safetensors").graph(); });
  expect_bad_input({"without config.json"}, [] { Folder().remove("config.json").graph(); });
  expect_bad_input({"policy_preprocessor_step_3", "cannot open"}, [] {
    Folder().remove("policy_preprocessor_step_3_normalizer_processor.safetensors").graph();
  });
  expect_bad_input({"MEAN_STD normalisation of 'observation.images.top'", "no statistics"},
                   [] { Folder().remove(kBefore).remove("policy_postprocessor.json").graph(); });
  Folder sharded;
  sharded.remove("model.safetensors");
  fs::create_directory(sharded.file("pytorch_model_fsdp_0"));
  expect_bad_input({"FSDP", "save_pretrained on one process"}, [&] { sharded.graph(); });
  Folder pointer;
  write_text(pointer.file("model.safetensors"), "version https://git-lfs.github.com/spec/v1\n");
  expect_bad_input({"model.safetensors", "Git LFS pointer"}, [&] { pointer.graph(); });
  Folder config_pointer;
  write_text(config_pointer.file("config.json"), "version https://git-lfs.github.com/spec/v1\n");
  expect_bad_input({"config.json"}, [&] { config_pointer.graph(); });
}

TEST(LeRobot, RefusesOtherPolicies) {
  expect_error(ErrorKind::kUnsupported, {"type 'diffusion'", "ACT"}, [] {
    Folder().change("config.json", [](TestJson& json) { json["type"] = "diffusion"; }).graph();
  });
  expect_error(ErrorKind::kUnsupported, {"before input_features"}, [] {
    Folder()
        .change("config.json",
                [](TestJson& json) {
                  json["input_shapes"] = json["input_features"];
                  json.erase("input_features");
                })
        .graph();
  });
  expect_error(ErrorKind::kUnsupported, {"normalisation 'LOG'"}, [] {
    Folder()
        .change(kBefore,
                [](TestJson& json) { json["steps"][3]["config"]["norm_map"]["STATE"] = "LOG"; })
        .graph();
  });
  expect_error(ErrorKind::kUnsupported, {"type LANGUAGE"}, [] {
    Folder()
        .change("config.json",
                [](TestJson& json) {
                  json["input_features"]["observation.state"]["type"] = "LANGUAGE";
                })
        .graph();
  });
}

TEST(LeRobot, ConfigAndTensorsMustAgree) {
  const struct {
    const char* key;
    TestJson value;
    const char* message;
  } cases[] = {
      {"chunk_size", 7, "chunk_size is 7 in config.json and 6 in the tensors"},
      {"n_decoder_layers", 2, "n_decoder_layers is 2"},
      {"dim_feedforward", 64, "dim_feedforward is 64"},
      {"pre_norm", true, "pre_norm is true"},
      {"feedforward_activation", "glu", "'glu', expected relu or gelu"},
      {"replace_final_stride_with_dilation", true, "plain blocks do not have"},
  };
  for (const auto& [key, value, message] : cases) {
    expect_bad_input({message}, [&, k = key, v = value] {
      Folder().change("config.json", [&](TestJson& json) { json[k] = v; }).graph();
    });
  }
  expect_bad_input({"'n_heads'", "expected an integer"}, [] {
    Folder().change("config.json", [](TestJson& json) { json["n_heads"] = "8"; }).graph();
  });
  expect_bad_input({"feature 'observation.images.top'", "(3, height, width)"}, [] {
    Folder()
        .change("config.json",
                [](TestJson& json) {
                  json["input_features"]["observation.images.top"]["shape"] = {40, 70, 3};
                })
        .graph();
  });
  expect_bad_input({"'observation.state' is both input and output"}, [] {
    Folder()
        .change(
            "config.json",
            [](TestJson& json) {
              json["output_features"] = {{"observation.state", json["output_features"]["action"]}};
            })
        .graph();
  });
  expect_error(ErrorKind::kUsage, {"5 attention heads do not divide the hidden size 16"}, [] {
    Folder().change("config.json", [](TestJson& json) { json["n_heads"] = 5; }).graph();
  });
}

TEST(LeRobot, StateFilesLieInTheFolder) {
  for (const char* name : {"../outside.safetensors", "/etc/passwd", "..", ""}) {
    expect_bad_input({"state_file", "same folder"}, [&] {
      Folder()
          .change(kBefore, [&](TestJson& json) { json["steps"][3]["state_file"] = name; })
          .graph();
    });
  }
}

TEST(LeRobot, RawUnitsNeedProcessorsThatOnlyNormalise) {
  Folder folder;
  EXPECT_NO_THROW(folder.graph({.raw_units = true}));
  folder.change("policy_postprocessor.json", [](TestJson& json) {
    json["steps"].push_back(
        {{"registry_name", "relative_action_processor"}, {"config", TestJson::object()}});
  });
  EXPECT_NO_THROW(folder.graph());
  expect_error(ErrorKind::kUnsupported,
               {"'relative_action_processor' in policy_postprocessor.json"},
               [&] { folder.graph({.raw_units = true}); });
}

TEST(LeRobot, OptionsMayRepeatButNotContradict) {
  const Folder folder;
  EXPECT_NO_THROW(folder.graph({.cameras = {"top", "wrist"}, .height = 40, .width = 70}));
  expect_error(ErrorKind::kUsage, {"no camera 'left'", "observation.images.wrist"},
               [&] { folder.graph({.cameras = {"left"}}); });
  expect_error(ErrorKind::kUsage, {"40 x 70", "leave out --height"},
               [&] { folder.graph({.height = 480}); });
  expect_error(ErrorKind::kUsage, {"holds its own", "--stats"}, [&] {
    CheckpointOptions options;
    options.stats = NormStats{};
    folder.graph(options);
  });
}

}  // namespace
}  // namespace tendon
