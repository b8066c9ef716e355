#include "policy/act_audit.h"

#include <algorithm>
#include <charconv>

#include "base/format.h"

namespace tendon {
namespace {

struct Dead {
  ActLayout layout;
  std::string_view start;
  std::string_view part;
};
constexpr std::string_view kCvae = "the CVAE encoder of training";
constexpr std::string_view kLatentWeight = "the latent's projection, which sees zeros";
constexpr std::string_view kBuffers = "normalisation statistics, taken from here";
/// Behind the network's prefix.
constexpr Dead kDead[] = {
    {ActLayout::kOriginal, "encoder.", kCvae},
    {ActLayout::kOriginal, "cls_embed.", kCvae},
    {ActLayout::kOriginal, "encoder_action_proj.", kCvae},
    {ActLayout::kOriginal, "encoder_joint_proj.", kCvae},
    {ActLayout::kOriginal, "latent_proj.", kCvae},
    {ActLayout::kOriginal, "pos_table", kCvae},
    {ActLayout::kOriginal, "latent_out_proj.weight", kLatentWeight},
    {ActLayout::kOriginal, "is_pad_head.", "the padding head"},
    {ActLayout::kLeRobot, "vae_encoder", kCvae},
    {ActLayout::kLeRobot, "encoder_latent_input_proj.weight", kLatentWeight},
};
/// Before it, in LeRobot's older checkpoints.
constexpr std::string_view kBufferStarts[] = {"normalize_inputs.", "normalize_targets.",
                                              "unnormalize_outputs."};

void require_linear(TensorAudit& audit, const std::string& prefix, int64_t outputs,
                    int64_t inputs) {
  audit.require(prefix + "weight", {outputs, inputs});
  audit.require(prefix + "bias", Shape{outputs});
}

void require_norm(TensorAudit& audit, const std::string& prefix, int64_t width) {
  audit.require(prefix + "weight", Shape{width});
  audit.require(prefix + "bias", Shape{width});
}

void require_attention(TensorAudit& audit, const std::string& prefix, int64_t width) {
  audit.require(prefix + "in_proj_weight", {3 * width, width});
  audit.require(prefix + "in_proj_bias", Shape{3 * width});
  require_linear(audit, prefix + "out_proj.", width, width);
}

void require_layer(TensorAudit& audit, const std::string& prefix, const Act& act, bool decoder) {
  require_attention(audit, prefix + "self_attn.", act.hidden);
  if (decoder) require_attention(audit, prefix + "multihead_attn.", act.hidden);
  require_linear(audit, prefix + "linear1.", act.feed_forward, act.hidden);
  require_linear(audit, prefix + "linear2.", act.hidden, act.feed_forward);
  for (int norm = 1; norm <= (decoder ? 3 : 2); ++norm) {
    require_norm(audit, fmt::format("{}norm{}.", prefix, norm), act.hidden);
  }
}

void require_network(TensorAudit& audit, Act& act) {
  const ActNames& names = names_of(act.layout);
  for (int64_t i = 0; i < act.encoder_layers; ++i) {
    require_layer(audit, act.encoder_layer(i), act, false);
  }
  for (int64_t i = 0; i < act.live_decoder_layers(); ++i) {
    require_layer(audit, act.decoder_layer(i), act, true);
  }
  if (act.encoder_norm) require_norm(audit, act.name(names.encoder) + "norm.", act.hidden);
  require_norm(audit, act.name(names.decoder) + "norm.", act.hidden);
  audit.require(act.name(names.queries), {act.chunk, act.hidden});
  audit.require(act.name(names.token_positions), {act.token_count(), act.hidden});
  audit.require(act.name(names.latent_projection) + "bias", Shape{act.hidden});
  if (act.state > 0) {
    require_linear(audit, act.name(names.state_projection), act.hidden, act.state);
  }
  if (act.environment > 0) {
    require_linear(audit, act.name(names.environment_projection), act.hidden, act.environment);
  }
  for (ResNet& backbone : act.backbones) {
    require_resnet(audit, backbone);
    const std::string projection = act.name(names.image_projection);
    audit.require(projection + "weight", {act.hidden, backbone.output_channels, 1, 1});
    audit.require(projection + "bias", Shape{act.hidden});
  }
  require_linear(audit, act.name(names.action_head), act.actions, act.hidden);
}

/// The number of the decoder layer that a tensor belongs to, or -1.
int64_t decoder_layer_of(const Act& act, std::string_view tensor) {
  const std::string start = std::string(names_of(act.layout).decoder) + "layers.";
  if (!tensor.starts_with(start)) return -1;
  tensor.remove_prefix(start.size());
  int64_t layer = -1;
  const auto parsed = std::from_chars(tensor.data(), tensor.data() + tensor.size(), layer);
  const bool whole =
      parsed.ec == std::errc() && parsed.ptr != tensor.data() + tensor.size() && *parsed.ptr == '.';
  return whole ? layer : -1;
}

/// The dead part that a tensor belongs to, or "".
std::string dead_part_of(const Act& act, const std::string& tensor) {
  for (const std::string_view start : kBufferStarts) {
    if (tensor.starts_with(start)) return std::string(kBuffers);
  }
  if (!tensor.starts_with(act.prefix)) return "";
  if (tensor.ends_with(".num_batches_tracked")) return "counters of batch normalisation";
  const std::string_view rest = std::string_view(tensor).substr(act.prefix.size());
  for (const Dead& dead : kDead) {
    if (dead.layout == act.layout && rest.starts_with(dead.start)) return std::string(dead.part);
  }
  if (const auto layer = decoder_layer_of(act, rest);
      layer >= act.live_decoder_layers() && layer < act.decoder_layers) {
    return act.decoder_layers == 2 ? "decoder layer 2 of 2"
                                   : fmt::format("decoder layers 2 to {}", act.decoder_layers);
  }
  return "";
}

void add_to(std::vector<DeadPart>& parts, const std::string& name, int64_t elements) {
  auto part = std::ranges::find(parts, name, &DeadPart::name);
  if (part == parts.end()) part = parts.insert(parts.end(), {name, 0, 0});
  ++part->tensors;
  part->elements += elements;
}

}  // namespace

ActReport audit_act(Act& act, const StateDict& weights) {
  TensorAudit audit(weights);
  require_network(audit, act);
  ActReport report;
  report.problems = audit.problems();
  for (const NamedTensor& named : weights.tensors()) {
    if (audit.is_needed(named.name)) {
      ++report.used_tensors;
      report.used_elements += named.tensor.size();
      continue;
    }
    const std::string part = dead_part_of(act, named.name);
    if (part.empty()) {
      report.unknown.push_back(named.name);
    } else {
      add_to(report.dead, part, named.tensor.size());
    }
  }
  return report;
}

void require_exportable(const Act& act, const ActReport& report, const std::string& source) {
  if (!act.vq.empty()) {
    fail(ErrorKind::kUnsupported,
         "{}: {}, whose value a second model samples at every step; Tendon exports policies whose "
         "latent is zero",
         source, act.vq);
  }
  if (!report.problems.empty()) {
    fail_input("{}: the tensors contradict each other: {}{}", source, first_of(report.problems),
               report.unknown.empty()
                   ? ""
                   : "; and no ACT known to Tendon has " + first_of(report.unknown));
  }
  if (!report.unknown.empty()) {
    fail(
        ErrorKind::kUnsupported,
        "{}: tensors that no ACT known to Tendon has: {}; without them it would be another network",
        source, first_of(report.unknown));
  }
  if (act.hidden % 4 != 0) {
    fail_input("{}: the hidden size {} is no multiple of 4, as the sine positions need", source,
               act.hidden);
  }
}

}  // namespace tendon
