#include "policy/checkpoint.h"

#include <filesystem>

#include "base/byte_reader.h"
#include "base/file.h"
#include "base/log.h"
#include "policy/act_interface.h"
#include "policy/policy_metadata.h"
#include "policy/safetensors.h"
#include "policy/torch_checkpoint.h"

namespace tendon {
namespace {

void set_decoder_output(Act& act, DecoderOutput wanted) {
  if (wanted == DecoderOutput::kFirst) act.decoder_output = DecoderLayer::kFirst;
  if (wanted == DecoderOutput::kLast) act.decoder_output = DecoderLayer::kLast;
}

void set_heads(Act& act, int64_t wanted, const std::string& path) {
  if (wanted < 0) fail(ErrorKind::kUsage, "{} attention heads; expected a positive number", wanted);
  if (wanted > 0) act.heads = wanted;
  if (act.heads < 1 || act.hidden % act.heads != 0) {
    fail(ErrorKind::kUsage,
         "{}: {} attention heads do not divide the hidden size {}; give the number that training "
         "used with --heads",
         path, act.heads, act.hidden);
  }
}

void set_pre_norm(Act& act, std::optional<bool> wanted, const std::string& path) {
  if (!wanted || *wanted == act.pre_norm) return;
  act.pre_norm = *wanted;
  log_warning(
      "{}: layers normalise {} their work, as you say; the encoder has {} final norm, "
      "which training leaves behind for the other order",
      path, *wanted ? "before" : "after", act.encoder_norm ? "a" : "no");
}

}  // namespace

DecoderOutput decoder_output_from_name(std::string_view name) {
  if (name == "first") return DecoderOutput::kFirst;
  if (name == "last") return DecoderOutput::kLast;
  fail(ErrorKind::kUsage, "decoder output '{}'; expected first or last", name);
}

bool is_weights_file(std::span<const std::byte> bytes, const std::string& path) {
  return looks_like_safetensors(bytes) || is_old_torch_stream(bytes) ||
         is_torch_archive(bytes, path);
}

StateDict load_weights(const std::string& path) {
  const auto file = MappedFile::open(path);
  return looks_like_safetensors(file->bytes()) ? load_safetensors(path)
                                               : load_torch_checkpoint(path);
}

PolicyCheckpoint load_policy_checkpoint(const std::string& path) {
  const bool is_folder = std::filesystem::is_directory(path);
  if (is_folder && !is_lerobot_folder(path)) {
    fail_input(
        "{}: a folder without config.json; expected the folder 'pretrained_model' of a "
        "LeRobot checkpoint, or a file such as policy_best.ckpt",
        path);
  }
  const std::string weights_path = is_folder ? lerobot_weights_path(path) : path;
  PolicyCheckpoint checkpoint{path, weights_path, load_weights(weights_path), {}, {}, {}};
  checkpoint.act = act_from_state_dict(checkpoint.weights);
  if (is_folder) {
    if (checkpoint.act.layout != ActLayout::kLeRobot) {
      fail_input("{}: tensors of the original ACT, but config.json of LeRobot", path);
    }
    checkpoint.lerobot = load_lerobot_policy(path, checkpoint.weights);
    checkpoint.contradictions = apply_to(checkpoint.act, *checkpoint.lerobot);
  }
  return checkpoint;
}

void apply_options(PolicyCheckpoint& checkpoint, const CheckpointOptions& options) {
  set_decoder_output(checkpoint.act, options.decoder_output);
  set_heads(checkpoint.act, options.heads, checkpoint.path);
  set_pre_norm(checkpoint.act, options.pre_norm, checkpoint.path);
}

Graph graph_from_checkpoint(PolicyCheckpoint checkpoint, const CheckpointOptions& options) {
  if (checkpoint.act.layout == ActLayout::kLeRobot && !checkpoint.lerobot) {
    fail_input("{}: LeRobot's tensors without its config.json; give the folder that holds both",
               checkpoint.path);
  }
  apply_options(checkpoint, options);
  const ActReport report = audit_act(checkpoint.act, checkpoint.weights);
  require_exportable(checkpoint.act, report, checkpoint.weights_path);
  if (!checkpoint.contradictions.empty()) {
    fail_input("{}: {}", checkpoint.path, first_of(checkpoint.contradictions));
  }
  const ActInterface interface = interface_of(checkpoint, options);
  Graph graph = graph_from_act(checkpoint.act, checkpoint.weights, interface);
  graph.metadata = policy_metadata(checkpoint, interface, options);
  return graph;
}

std::string decoder_output_text(const Act& act) {
  const bool first = act.decoder_output == DecoderLayer::kFirst;
  return fmt::format("{} (layer {} of {})", first ? "first" : "last",
                     first ? 1 : act.decoder_layers, act.decoder_layers);
}

}  // namespace tendon
