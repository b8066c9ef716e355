#include "cli/policy_text.h"

#include <set>

#include "base/units.h"
#include "cli/model_options.h"

namespace tendon::cli {
namespace {

std::string plural(int64_t count, std::string_view thing) {
  return fmt::format("{} {}{}", count, thing, count == 1 ? "" : "s");
}

std::string backbone_text(const Act& act) {
  if (act.backbones.empty()) return "none";
  std::string text = to_string(act.backbones.front());
  return act.backbones.size() == 1
             ? text + ", shared by the cameras"
             : fmt::format("{}, one for each of {} cameras", text, act.backbones.size());
}

std::string inputs_text(const Act& act) {
  std::string text;
  if (act.state > 0) text += plural(act.state, "joint");
  if (act.environment > 0) {
    text += fmt::format("{}{} of the environment", text.empty() ? "" : " and ",
                        plural(act.environment, "value"));
  }
  return text.empty() ? "images alone" : text;
}

std::string count_text(int64_t count) { return text_of_count(static_cast<double>(count)); }

}  // namespace

std::string policy_text(const PolicyCheckpoint& checkpoint, const ActReport& report) {
  const Act& act = checkpoint.act;
  std::string dead;
  for (const DeadPart& part : report.dead) {
    dead +=
        fmt::format("{}{} ({})", dead.empty() ? "" : ", ", part.name, count_text(part.elements));
  }
  return fmt::format(
      "  policy          ACT, {} layout: {} and {}, hidden {}, {} heads, feed-forward {}, {}, "
      "{}-norm\n"
      "  backbone        {}\n"
      "  actions         {} of {}, from {}; latent {}, zero at inference\n"
      "  decoder output  {}\n"
      "  parameters      {} of {} used{}{}\n",
      to_string(act.layout), plural(act.encoder_layers, "encoder layer"),
      plural(act.decoder_layers, "decoder layer"), act.hidden, act.heads, act.feed_forward,
      act.activation == Activation::kGelu ? "GELU" : "ReLU", act.pre_norm ? "pre" : "post",
      backbone_text(act), plural(act.chunk, "step"), act.actions, inputs_text(act), act.latent,
      decoder_output_text(act), count_text(report.used_elements),
      count_text(checkpoint.weights.element_count()), dead.empty() ? "" : "; not used: ", dead);
}

Json policy_json(const PolicyCheckpoint& checkpoint, const ActReport& report) {
  const Act& act = checkpoint.act;
  Json backbones = Json::array();
  for (const ResNet& resnet : act.backbones) backbones.push_back(to_string(resnet));
  Json unused = Json::array();
  for (const DeadPart& part : report.dead) {
    unused.push_back(
        {{"part", part.name}, {"tensors", part.tensors}, {"parameters", part.elements}});
  }
  return {{"policy", "act"},
          {"layout", to_string(act.layout)},
          {"hidden", act.hidden},
          {"heads", act.heads},
          {"feed_forward", act.feed_forward},
          {"encoder_layers", act.encoder_layers},
          {"decoder_layers", act.decoder_layers},
          {"decoder_output", decoder_output_text(act)},
          {"activation", act.activation == Activation::kGelu ? "gelu" : "relu"},
          {"pre_norm", act.pre_norm},
          {"chunk", act.chunk},
          {"joints", act.state},
          {"environment", act.environment},
          {"actions", act.actions},
          {"latent", act.latent},
          {"backbones", backbones},
          {"tensors", checkpoint.weights.tensors().size()},
          {"parameters", checkpoint.weights.element_count()},
          {"used_parameters", report.used_elements},
          {"unused", unused}};
}

std::vector<std::string> unusual_things(const PolicyCheckpoint& checkpoint,
                                        const ActReport& report) {
  const Act& act = checkpoint.act;
  std::vector<std::string> things = checkpoint.contradictions;
  for (const std::string& problem : report.problems) things.push_back(problem);
  if (!report.unknown.empty()) {
    things.push_back("no ACT known to Tendon has " + first_of(report.unknown));
  }
  if (!act.vq.empty()) things.push_back(act.vq + ", which Tendon does not export");
  if (act.pre_norm) things.push_back("pre-norm; ACT's default is post-norm");
  if (act.hidden % act.heads != 0) {
    things.push_back(
        fmt::format("{} heads do not divide the hidden size {}", act.heads, act.hidden));
  }
  const bool original = act.layout == ActLayout::kOriginal;
  if (original && act.decoder_layers > 1 && act.decoder_output == DecoderLayer::kLast) {
    things.push_back("actions are read from the last decoder layer; the original reads the first");
  }
  if (!original && act.decoder_output == DecoderLayer::kFirst && act.decoder_layers > 1) {
    things.push_back("actions are read from the first decoder layer; LeRobot reads the last");
  }
  std::set<std::string_view> types;
  for (const NamedTensor& named : checkpoint.weights.tensors()) {
    if (named.tensor.dtype() == DataType::kFloat16 || named.tensor.dtype() == DataType::kBFloat16 ||
        named.tensor.dtype() == DataType::kFloat64) {
      types.insert(name_of(named.tensor.dtype()));
    }
  }
  for (const std::string_view type : types) {
    things.push_back(fmt::format("weights of type {}; the network computes in float32", type));
  }
  if (checkpoint.lerobot && !checkpoint.lerobot->other_steps.empty()) {
    things.push_back("the processors do more than normalise: " +
                     first_of(checkpoint.lerobot->other_steps));
  }
  return things;
}

}  // namespace tendon::cli
