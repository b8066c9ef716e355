// `tendon export`: writes the ONNX model of a policy from its checkpoint.
#include <tendon/loaders.h>

#include <CLI/CLI.hpp>
#include <filesystem>

#include "api/network_impl.h"
#include "base/log.h"
#include "base/units.h"
#include "cli/checkpoint_options.h"
#include "cli/inspect.h"
#include "cli/model_options.h"
#include "cli/output.h"
#include "cli/policy_text.h"
#include "cli/verb.h"
#include "onnx/exporter.h"
#include "policy/checkpoint.h"

namespace tendon::cli {
namespace {

struct ExportCommand {
  std::string checkpoint;
  std::string output;
  CheckpointFlags flags;
  int opset = OnnxOptions().opset;
};

bool run(const ExportCommand& options, const CommonOptions& common) {
  const CheckpointOptions given = checkpoint_options_from(options.flags);
  PolicyCheckpoint checkpoint = load_policy_checkpoint(options.checkpoint);
  const Network network = network_from_graph(graph_from_checkpoint(checkpoint, given));
  save_onnx(network, options.output, {.opset = options.opset});
  apply_options(checkpoint, given);
  const ActReport report = audit_act(checkpoint.act, checkpoint.weights);
  const uintmax_t bytes = std::filesystem::file_size(options.output);
  if (common.json) {
    Json result{{"onnx", options.output}, {"bytes", bytes}, {"opset", options.opset}};
    result.update(policy_json(checkpoint, report));
    result["inputs"] = infos_json(network.inputs());
    result["outputs"] = infos_json(network.outputs());
    result["metadata"] = network.metadata();
    print_json(result);
    return true;
  }
  print_text(fmt::format("{}: {} on disk, opset {}\n{}  inputs\n{}\n  outputs\n{}\n",
                         options.output, text_of_bytes(static_cast<double>(bytes)), options.opset,
                         policy_text(checkpoint, report), to_string(network.inputs()),
                         to_string(network.outputs())));
  if (options.flags.raw_units) {
    print_text("Joints go in and actions come out in the robot's units.\n");
  } else {
    print_text(fmt::format(
        "Joints go in and actions come out normalised{}; --raw-units folds the statistics in.\n",
        network.metadata().contains("tendon.normalization") ? ", the statistics are in the metadata"
                                                            : ""));
  }
  return true;
}

}  // namespace

Verb export_verb() {
  return {"export", "Write the ONNX model of a policy from its checkpoint",
          "  tendon export policy_best.ckpt -o policy.onnx --cameras cam_high,cam_left_wrist,"
          "cam_right_wrist --height 480 --width 640\n"
          "  tendon export outputs/train/checkpoints/last/pretrained_model -o policy.onnx",
          [](CLI::App& app, const CommonOptions& common) -> std::function<bool()> {
            const auto options = std::make_shared<ExportCommand>();
            app.add_option("CHECKPOINT", options->checkpoint,
                           "Checkpoint of ACT (policy_best.ckpt) or LeRobot's folder "
                           "pretrained_model")
                ->required();
            app.add_option("-o,--output", options->output, "ONNX file to write")
                ->required()
                ->type_name("FILE");
            app.add_option("--opset", options->opset, "ONNX operator set, 13 to 21")
                ->check(CLI::Range(kOldestExportOpset, kNewestExportOpset))
                ->capture_default_str();
            add_camera_options(app, options->flags);
            add_checkpoint_options(app, options->flags);
            return [options, &common] { return run(*options, common); };
          }};
}

}  // namespace tendon::cli
