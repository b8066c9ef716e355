#include "policy/act.h"

#include <algorithm>

#include "policy/act_audit.h"
#include "support/files.h"
#include "support/torch_files.h"

namespace tendon {
namespace {

using testing::act_tensors;
using testing::expect_bad_input;
using testing::expect_error;
using testing::SmallAct;
using testing::state_dict_of;

TEST(Act, ReadsEverySizeOffTheTensors) {
  for (const bool lerobot : {false, true}) {
    SCOPED_TRACE(lerobot);
    const SmallAct sizes{.lerobot = lerobot,
                         .hidden = 12,
                         .feed_forward = 20,
                         .encoder_layers = 3,
                         .decoder_layers = 4,
                         .chunk = 7,
                         .joints = 6,
                         .actions = 9,
                         .latent = 5};
    Act act = act_from_state_dict(state_dict_of(act_tensors(sizes)));
    EXPECT_EQ(act.layout, lerobot ? ActLayout::kLeRobot : ActLayout::kOriginal);
    EXPECT_EQ(act.prefix, "model.");
    EXPECT_EQ(act.hidden, 12);
    EXPECT_EQ(act.feed_forward, 20);
    EXPECT_EQ(act.encoder_layers, 3);
    EXPECT_EQ(act.decoder_layers, 4);
    EXPECT_EQ(act.chunk, 7);
    EXPECT_EQ(act.state, 6);
    EXPECT_EQ(act.actions, 9);
    EXPECT_EQ(act.latent, 5);
    EXPECT_EQ(act.environment, 0);
    EXPECT_EQ(act.vq, "");
    EXPECT_EQ(act.backbones.size(), 1u);
    EXPECT_FALSE(act.pre_norm);
    EXPECT_EQ(act.decoder_output, lerobot ? DecoderLayer::kLast : DecoderLayer::kFirst);
  }
}

TEST(Act, NamesTheBackbone) {
  const struct {
    std::vector<int64_t> blocks;
    bool bottleneck;
    const char* name;
  } cases[] = {{{2, 2, 2, 2}, false, "ResNet-18 with 2 to 4 channels"},
               {{3, 4, 6, 3}, false, "ResNet-34 with 2 to 4 channels"},
               {{3, 4, 6, 3}, true, "ResNet-50 with 2 to 16 channels"},
               {{3, 4, 23, 3}, true, "ResNet-101 with 2 to 16 channels"},
               {{1, 1, 2, 1}, false, "ResNet of 1, 1, 2, 1 blocks with 2 to 4 channels"}};
  for (const auto& [blocks, bottleneck, name] : cases) {
    const StateDict weights =
        state_dict_of(act_tensors({.blocks = blocks, .bottleneck = bottleneck}));
    Act act = act_from_state_dict(weights);
    const ActReport report = audit_act(act, weights);
    EXPECT_TRUE(report.problems.empty()) << name << ": " << first_of(report.problems);
    EXPECT_TRUE(report.unknown.empty()) << name << ": " << first_of(report.unknown);
    EXPECT_EQ(to_string(act.backbones[0]), name);
  }
  EXPECT_EQ(feature_size(ResNet{}, 480), 15);
  EXPECT_EQ(feature_size(ResNet{}, 641), 21);
  EXPECT_EQ(feature_size(ResNet{.dilated = true}, 480), 30);
}

TEST(Act, SeesBackbonesOfForksAndPreNorm) {
  const StateDict weights = state_dict_of(act_tensors({.backbones = 3, .pre_norm = true}));
  Act act = act_from_state_dict(weights);
  EXPECT_EQ(act.backbones.size(), 3u);
  EXPECT_EQ(act.backbones[2].prefix, "model.backbones.2.0.body.");
  EXPECT_TRUE(act.encoder_norm);
  EXPECT_TRUE(act.pre_norm);
  EXPECT_TRUE(audit_act(act, weights).unknown.empty());
}

TEST(Act, KnowsWhatIsDead) {
  const StateDict weights = state_dict_of(act_tensors({.decoder_layers = 3}));
  Act act = act_from_state_dict(weights);
  const auto names = [&] {
    std::vector<std::string> found;
    for (const DeadPart& part : audit_act(act, weights).dead) found.push_back(part.name);
    std::ranges::sort(found);
    return found;
  };
  EXPECT_EQ(names(), (std::vector<std::string>{
                         "decoder layers 2 to 3", "the CVAE encoder of training",
                         "the latent's projection, which sees zeros", "the padding head"}));
  act.decoder_output = DecoderLayer::kLast;
  EXPECT_EQ(names().size(), 3u);
  const ActReport report = audit_act(act, weights);
  int64_t elements = report.used_elements;
  for (const DeadPart& part : report.dead) elements += part.elements;
  EXPECT_EQ(elements, weights.element_count());
}

TEST(Act, SaysWhatIsMissingOrOdd) {
  const auto report_without = [](const std::string& removed, const std::string& changed) {
    auto tensors = act_tensors({});
    std::erase_if(tensors, [&](const NamedTensor& named) { return named.name == removed; });
    for (NamedTensor& named : tensors) {
      if (named.name == changed) named.tensor = Tensor(DataType::kFloat32, {7, 7});
    }
    const StateDict weights = state_dict_of(tensors);
    Act act = act_from_state_dict(weights);
    require_exportable(act, audit_act(act, weights), weights.source());
  };
  EXPECT_NO_THROW(report_without("", ""));
  expect_bad_input({"policy.ckpt", "'model.query_embed.weight' is missing"},
                   [&] { report_without("model.query_embed.weight", ""); });
  expect_bad_input(
      {"policy.ckpt", "'model.transformer.encoder.layers.0.norm1.weight' of shape (8,)"},
      [&] { report_without("model.transformer.encoder.layers.0.norm1.weight", ""); });
  expect_bad_input({"'model.input_proj.weight' has shape (7, 7), expected (8, 4, 1, 1)"},
                   [&] { report_without("", "model.input_proj.weight"); });
  expect_bad_input(
      {"'model.backbones.0.0.body.layer3.0.conv1.weight' is missing", "; and no ACT known"},
      [&] { report_without("model.backbones.0.0.body.layer3.0.conv1.weight", ""); });
  expect_bad_input({"model.backbones.0.0.body.bn1.running_var"},
                   [&] { report_without("model.backbones.0.0.body.bn1.running_var", ""); });
}

TEST(Act, RefusesWhatWouldBeAnotherNetwork) {
  const auto refuse = [](std::initializer_list<std::string_view> parts,
                         std::vector<NamedTensor> extra, bool without_act = false) {
    auto tensors = without_act ? std::vector<NamedTensor>() : act_tensors({});
    for (const NamedTensor& named : extra) {
      std::erase_if(tensors, [&](const NamedTensor& old) { return old.name == named.name; });
      tensors.push_back(named);
    }
    expect_error(ErrorKind::kUnsupported, parts, [&] {
      const StateDict weights = state_dict_of(tensors);
      Act act = act_from_state_dict(weights);
      require_exportable(act, audit_act(act, weights), weights.source());
    });
  };
  const auto tensor = [](const char* name, const Shape& shape) {
    return NamedTensor{name, Tensor(DataType::kFloat32, shape)};
  };
  refuse({"VQ latent of 2 classes", "second model"},
         {tensor("model.latent_proj.weight", {2, 8}), tensor("model.latent_proj.bias", {2})});
  refuse({"no ACT known to Tendon", "another network"},
         {tensor("model.input_proj_language.weight", {8, 3})});
  refuse({"model.backbones.0.1.row_embed.weight"},
         {tensor("model.backbones.0.1.row_embed.weight", {50, 4})});
  refuse({"CNNMLP"}, {tensor("model.backbone_down_projs.0.0.weight", {1})}, true);
  refuse({"diffusion"}, {tensor("nets.policy.noise_pred_net.0.weight", {1})}, true);
  refuse({"no ACT network", "found a, b"}, {tensor("a", {1}), tensor("b", {1})}, true);
  refuse({"found no tensors"}, {}, true);
}

}  // namespace
}  // namespace tendon
