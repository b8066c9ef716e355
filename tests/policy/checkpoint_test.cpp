#include "policy/checkpoint.h"

#include <algorithm>
#include <limits>

#include "base/checksum.h"
#include "base/file.h"
#include "base/limits.h"
#include "support/files.h"
#include "support/graphs.h"
#include "support/torch_files.h"

namespace tendon {
namespace {

using testing::act_tensors;
using testing::count_type;
using testing::expect_bad_input;
using testing::expect_error;
using testing::SmallAct;
using testing::torch_file;
using testing::write_text;

/// A checkpoint file of a small policy.
class SmallCheckpoint {
 public:
  explicit SmallCheckpoint(const SmallAct& sizes = {}) {
    write_text(path(), torch_file(act_tensors(sizes)));
  }
  explicit SmallCheckpoint(const std::vector<NamedTensor>& tensors) {
    write_text(path(), torch_file(tensors));
  }
  std::string path() const { return folder_ / "policy_best.ckpt"; }
  Graph graph(const CheckpointOptions& options) const {
    return graph_from_checkpoint(load_policy_checkpoint(path()), options);
  }

 private:
  testing::TempDir folder_;
};

const CheckpointOptions kTwoCameras{.cameras = {"top", "wrist"}, .height = 40, .width = 64};

NormStats stats_of(size_t joints, size_t actions) {
  NormStats stats;
  stats.qpos_mean.assign(joints, 0.5F);
  stats.qpos_std.assign(joints, 0.25F);
  stats.action_mean.assign(actions, 1.5F);
  stats.action_std.assign(actions, 2.0F);
  return stats;
}

TEST(Checkpoint, GivesTheGraphThatAUserWouldExport) {
  const SmallCheckpoint checkpoint;
  Graph graph = checkpoint.graph(kTwoCameras);
  ASSERT_EQ(graph.inputs().size(), 2u);
  EXPECT_EQ(graph.value(graph.inputs()[0].value).name, "qpos");
  EXPECT_EQ(graph.inputs()[0].dims, (std::vector<Dim>{{-1, "batch"}, {4, ""}}));
  EXPECT_EQ(graph.value(graph.inputs()[1].value).name, "image");
  EXPECT_EQ(graph.inputs()[1].dims,
            (std::vector<Dim>{{-1, "batch"}, {2, ""}, {3, ""}, {40, ""}, {64, ""}}));
  bind_inputs(graph, {{"qpos", {3, 4}}});
  ASSERT_EQ(graph.outputs().size(), 1u);
  EXPECT_EQ(graph.value(graph.outputs()[0]).name, "action");
  EXPECT_EQ(graph.shape(graph.outputs()[0]), (Shape{3, 3, 5}));
  // One encoder layer, one live decoder layer.
  EXPECT_EQ(count_type(graph, "Softmax"), 3u);
  EXPECT_EQ(count_type(graph, "LayerNormalization"), 6u);
  EXPECT_EQ(count_type(graph, "Conv"), 2u * (1 + 8 + 3 + 1));
}

TEST(Checkpoint, WeightsStayInTheMappedFile) {
  const SmallCheckpoint checkpoint;
  const PolicyCheckpoint loaded = load_policy_checkpoint(checkpoint.path());
  const auto* weight = loaded.weights.find("model.transformer.encoder.layers.0.linear1.weight");
  const Graph graph = graph_from_checkpoint(loaded, kTwoCameras);
  const auto raw_of = [&](std::string_view name) {
    return graph.value(graph.find_value(name)).constant->raw();
  };
  EXPECT_EQ(raw_of("model.transformer.encoder.layers.0.linear1.weight"), weight->raw());
  const auto* joint = static_cast<const std::byte*>(
      loaded.weights.find("model.transformer.encoder.layers.0.self_attn.in_proj_weight")->raw());
  EXPECT_EQ(raw_of("model.transformer.encoder.layers.0.self_attn.in_proj_weight.2"),
            joint + 2 * 8 * 8 * sizeof(float));
}

TEST(Checkpoint, MetadataSayWhereItComesFrom) {
  const SmallCheckpoint checkpoint;
  CheckpointOptions options = kTwoCameras;
  options.stats = stats_of(4, 5);
  const auto metadata = checkpoint.graph(options).metadata;
  EXPECT_EQ(metadata.at("tendon.source"), "policy_best.ckpt");
  EXPECT_EQ(metadata.at("tendon.source_sha256"),
            sha256_hex(MappedFile::open(checkpoint.path())->bytes()));
  EXPECT_EQ(metadata.at("tendon.layout"), "original");
  EXPECT_EQ(metadata.at("tendon.cameras"), "top,wrist");
  EXPECT_EQ(metadata.at("tendon.image_sizes"), "40x64,40x64");
  EXPECT_EQ(metadata.at("tendon.chunk"), "3");
  EXPECT_EQ(metadata.at("tendon.decoder_output"), "first (layer 1 of 2)");
  EXPECT_EQ(metadata.at("tendon.units"), "normalized");
  EXPECT_THAT(metadata.at("tendon.normalization"), ::testing::HasSubstr("\"qpos\""));
  options.raw_units = true;
  options.decoder_output = DecoderOutput::kLast;
  const auto raw = checkpoint.graph(options).metadata;
  EXPECT_EQ(raw.at("tendon.decoder_output"), "last (layer 2 of 2)");
  EXPECT_EQ(raw.at("tendon.units"), "raw");
  EXPECT_FALSE(checkpoint.graph(kTwoCameras).metadata.contains("tendon.normalization"));
}

TEST(Checkpoint, RawImagesAreFrames) {
  const SmallCheckpoint checkpoint;
  CheckpointOptions options = kTwoCameras;
  options.raw_images = true;
  const Graph graph = checkpoint.graph(options);
  EXPECT_EQ(graph.inputs()[1].dtype, DataType::kUInt8);
  EXPECT_EQ(graph.inputs()[1].dims,
            (std::vector<Dim>{{-1, "batch"}, {2, ""}, {40, ""}, {64, ""}, {3, ""}}));
}

TEST(Checkpoint, AsksForWhatTensorsCannotSay) {
  const SmallCheckpoint shared;
  const SmallCheckpoint forks(SmallAct{.backbones = 3});
  const SmallCheckpoint wide(SmallAct{.hidden = 12});
  const auto with = [](auto&& change) {
    CheckpointOptions options = kTwoCameras;
    change(options);
    return options;
  };
  const struct {
    const SmallCheckpoint& checkpoint;
    CheckpointOptions options;
    std::initializer_list<std::string_view> parts;
  } cases[] = {
      {shared,
       {.height = 40, .width = 64},
       {"policy_best.ckpt", "does not name its cameras", "--cameras"}},
      {shared, {.cameras = {"a", "a"}, .height = 40, .width = 64}, {"'a' is named twice"}},
      {shared, {.cameras = {"a", ""}, .height = 40, .width = 64}, {"is no name"}},
      {shared, {.cameras = {"a"}, .height = 40}, {"does not say the size", "--width"}},
      {shared, with([](auto& o) { o.height = -1; }), {"images of -1 x 64 pixels"}},
      {shared, with([](auto& o) { o.height = o.width = int64_t{1} << 40; }), {"pixels"}},
      {shared, with([](auto& o) { o.raw_units = true; }), {"raw units need", "--stats"}},
      {shared, with([](auto& o) { o.heads = 3; }), {"3 attention heads do not divide", "--heads"}},
      {shared, with([](auto& o) { o.heads = -1; }), {"-1 attention heads"}},
      {forks, kTwoCameras, {"2 cameras are given", "each of 3"}},
      {wide, kTwoCameras, {"8 attention heads do not divide the hidden size 12"}},
  };
  for (const auto& test : cases) {
    SCOPED_TRACE(*test.parts.begin());
    expect_error(ErrorKind::kUsage, test.parts, [&] { test.checkpoint.graph(test.options); });
  }
  expect_bad_input({"14 joints and 14 actions", "4 and 5"}, [&] {
    CheckpointOptions options = kTwoCameras;
    options.stats = stats_of(14, 14);
    shared.graph(options);
  });
}

TEST(Checkpoint, ImagesBeyondTheLimitAreRefused) {
  const SmallCheckpoint checkpoint;
  const int64_t previous = limits().max_folded_bytes;
  limits().max_folded_bytes = 100;
  expect_bad_input({"tokens of 8 elements", "limit of 100 bytes"},
                   [&] { checkpoint.graph(kTwoCameras); });
  limits().max_folded_bytes = previous;
}

TEST(Checkpoint, PreNormIsSeenOrSaid) {
  const auto adds_before_norm = [](const Graph& graph) {
    const Node* norm = graph.producer(graph.find_value("model.transformer.encoder.layers.0.norm1"));
    return graph.producer_op<Binary>(norm->inputs[0]) != nullptr;
  };
  const SmallCheckpoint post;
  const SmallCheckpoint pre(SmallAct{.pre_norm = true});
  CheckpointOptions options = kTwoCameras;
  EXPECT_TRUE(adds_before_norm(post.graph(options)));
  EXPECT_FALSE(adds_before_norm(pre.graph(options)));
  EXPECT_NO_THROW(pre.graph(options).find_value("model.transformer.encoder.norm"));
  options.pre_norm = true;
  EXPECT_FALSE(adds_before_norm(post.graph(options)));
  options.pre_norm = false;
  EXPECT_TRUE(adds_before_norm(pre.graph(options)));
}

TEST(Checkpoint, DivergedTrainingIsNoPolicy) {
  auto tensors = act_tensors({});
  for (const char* name : {"model.is_pad_head.bias", "model.action_head.bias"}) {
    const auto named = std::ranges::find(tensors, name, &NamedTensor::name);
    named->tensor.mutable_data<float>()[0] = std::numeric_limits<float>::quiet_NaN();
    const SmallCheckpoint checkpoint(tensors);
    // What is dead may be anything.
    if (std::string_view(name).find("is_pad") != std::string_view::npos) {
      EXPECT_NO_THROW(checkpoint.graph(kTwoCameras));
    } else {
      expect_bad_input({"'model.action_head.bias'", "NaN", "diverged"},
                       [&] { checkpoint.graph(kTwoCameras); });
    }
  }
}

TEST(Checkpoint, TellsItsFilesApart) {
  const testing::TempDir folder;
  const auto is_weights = [&](const std::string& bytes) {
    return is_weights_file(std::as_bytes(std::span(bytes)), "f");
  };
  EXPECT_TRUE(is_weights(torch_file(act_tensors({}))));
  EXPECT_TRUE(is_weights(testing::safetensors_file(act_tensors({.lerobot = true}))));
  EXPECT_FALSE(is_weights(testing::torch_archive({{"arr_0.npy", "x"}})));
  EXPECT_FALSE(is_weights("plain text"));
  expect_bad_input({"a folder without config.json"},
                   [&] { load_policy_checkpoint(folder.path().string()); });
  const std::string lonely = folder / "model.safetensors";
  write_text(lonely, testing::safetensors_file(act_tensors({.lerobot = true})));
  expect_bad_input({"without its config.json", "the folder that holds both"},
                   [&] { graph_from_checkpoint(load_policy_checkpoint(lonely), {}); });
}

TEST(Checkpoint, NamesDecoderOutputs) {
  EXPECT_EQ(decoder_output_from_name("first"), DecoderOutput::kFirst);
  EXPECT_EQ(decoder_output_from_name("last"), DecoderOutput::kLast);
  expect_error(ErrorKind::kUsage, {"'middle'", "first or last"},
               [] { decoder_output_from_name("middle"); });
}

}  // namespace
}  // namespace tendon
