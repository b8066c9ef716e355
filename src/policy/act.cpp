#include "policy/act.h"

#include <algorithm>

#include "base/format.h"

namespace tendon {
namespace {

constexpr ActNames kOriginalNames = {
    .encoder = "transformer.encoder.",
    .decoder = "transformer.decoder.",
    .queries = "query_embed.weight",
    .token_positions = "additional_pos_embed.weight",
    .latent_projection = "latent_out_proj.",
    .state_projection = "input_proj_robot_state.",
    .environment_projection = "",
    .image_projection = "input_proj.",
    .action_head = "action_head.",
};
constexpr ActNames kLeRobotNames = {
    .encoder = "encoder.",
    .decoder = "decoder.",
    .queries = "decoder_pos_embed.weight",
    .token_positions = "encoder_1d_feature_pos_embed.weight",
    .latent_projection = "encoder_latent_input_proj.",
    .state_projection = "encoder_robot_state_input_proj.",
    .environment_projection = "encoder_env_state_input_proj.",
    .image_projection = "encoder_img_feat_input_proj.",
    .action_head = "action_head.",
};

/// A tensor that only one layout has, in every variant of it.
struct Mark {
  std::string_view tensor;
  ActLayout layout;
};
constexpr Mark kMarks[] = {
    {"transformer.encoder.layers.0.self_attn.in_proj_weight", ActLayout::kOriginal},
    {"encoder_latent_input_proj.weight", ActLayout::kLeRobot},
};

/// Policies of the same training code that are no ACT, by part of a tensor's name.
struct Foreign {
  std::string_view part;
  std::string_view what;
};
constexpr Foreign kForeign[] = {
    {"backbone_down_projs.", "the CNNMLP policy of ACT's training code"},
    {"noise_pred_net.", "a diffusion policy"},
    {"diffusion.", "a diffusion policy"},
};

[[noreturn]] void refuse_foreign(const StateDict& weights) {
  std::vector<std::string> names;
  for (const NamedTensor& named : weights.tensors()) {
    names.push_back(named.name);
    for (const Foreign& foreign : kForeign) {
      if (named.name.find(foreign.part) != std::string::npos) {
        fail(ErrorKind::kUnsupported, "{}: {} (it has '{}'); Tendon exports ACT policies",
             weights.source(), foreign.what, named.name);
      }
    }
  }
  fail(
      ErrorKind::kUnsupported,
      "{}: no ACT network; expected a tensor that ends in '{}' (original) or '{}' (LeRobot), found "
      "{}",
      weights.source(), kMarks[0].tensor, kMarks[1].tensor,
      names.empty() ? "no tensors" : first_of(names));
}

/// Layout and prefix of the network.
Act start(const StateDict& weights) {
  for (const NamedTensor& named : weights.tensors()) {
    for (const Mark& mark : kMarks) {
      if (!named.name.ends_with(mark.tensor)) continue;
      Act act;
      act.layout = mark.layout;
      act.prefix = named.name.substr(0, named.name.size() - mark.tensor.size());
      return act;
    }
  }
  refuse_foreign(weights);
}

int64_t count_layers(const StateDict& weights, const std::string& prefix) {
  int64_t count = 0;
  while (weights.contains(fmt::format("{}layers.{}.linear1.weight", prefix, count))) ++count;
  return count;
}

void find_backbones(Act& act, const StateDict& weights) {
  if (act.layout == ActLayout::kLeRobot) {
    if (!weights.contains(act.name(names_of(act.layout).image_projection) + "weight")) return;
    act.backbones.push_back(resnet_from_tensors(weights, act.name("backbone.")));
    return;
  }
  const auto prefix = [&](size_t index) {
    return act.name(fmt::format("backbones.{}.0.body.", index));
  };
  do {
    act.backbones.push_back(resnet_from_tensors(weights, prefix(act.backbones.size())));
  } while (weights.contains(prefix(act.backbones.size()) + "conv1.weight"));
}

/// ACT's own latent has a mean and a variance for each of its elements; a VQ latent is classes.
std::string vq_latent(const Act& act, const StateDict& weights) {
  const Tensor* projection = weights.find(act.name("latent_proj.weight"));
  if (act.layout != ActLayout::kOriginal || projection == nullptr || projection->rank() != 2 ||
      projection->shape()[0] != act.latent) {
    return "";
  }
  return fmt::format("a VQ latent of {} classes in all", act.latent);
}

}  // namespace

const ActNames& names_of(ActLayout layout) {
  return layout == ActLayout::kOriginal ? kOriginalNames : kLeRobotNames;
}

std::string Act::encoder_layer(int64_t index) const {
  return fmt::format("{}{}layers.{}.", prefix, names_of(layout).encoder, index);
}
std::string Act::decoder_layer(int64_t index) const {
  return fmt::format("{}{}layers.{}.", prefix, names_of(layout).decoder, index);
}

Act act_from_state_dict(const StateDict& weights) {
  Act act = start(weights);
  const ActNames& names = names_of(act.layout);
  TensorAudit audit(weights);
  const auto size_of = [&](std::string_view tensor, int axis) {
    return audit.size_of(act.name(tensor), axis, 2);
  };
  const auto columns_of = [&](std::string_view linear) {
    const std::string weight = std::string(linear) + "weight";
    return linear.empty() || !audit.contains(act.name(weight)) ? 0 : size_of(weight, 1);
  };
  act.chunk = size_of(names.queries, 0);
  act.hidden = size_of(names.queries, 1);
  act.latent = size_of(std::string(names.latent_projection) + "weight", 1);
  act.actions = size_of(std::string(names.action_head) + "weight", 0);
  act.state = columns_of(names.state_projection);
  act.environment = columns_of(names.environment_projection);
  act.feed_forward = audit.size_of(act.encoder_layer(0) + "linear1.weight", 0, 2);
  audit.size_of(act.decoder_layer(0) + "linear1.weight", 0, 2);
  if (!audit.problems().empty()) {
    fail_input("{}: an ACT network of the {} layout, but {}", weights.source(),
               to_string(act.layout), first_of(audit.problems()));
  }
  act.encoder_layers = count_layers(weights, act.name(names.encoder));
  act.decoder_layers = count_layers(weights, act.name(names.decoder));
  act.encoder_norm = weights.contains(act.name(names.encoder) + "norm.weight");
  act.pre_norm = act.encoder_norm;
  act.decoder_output =
      act.layout == ActLayout::kOriginal ? DecoderLayer::kFirst : DecoderLayer::kLast;
  find_backbones(act, weights);
  act.vq = vq_latent(act, weights);
  return act;
}

std::string_view to_string(ActLayout layout) {
  return layout == ActLayout::kOriginal ? "original" : "LeRobot";
}

}  // namespace tendon
