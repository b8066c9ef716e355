#include "cli/debug_precision.h"

#include <tendon/precision_search.h>

#include <CLI/CLI.hpp>

#include "base/format.h"
#include "cli/check_command.h"
#include "cli/model_options.h"
#include "cli/options.h"
#include "cli/output.h"

namespace tendon::cli {
namespace {

struct DebugPrecisionCommand {
  std::string model;
  std::string output;
  std::string check;
  BuildOptions build;
};

bool passes(const DebugPrecisionCommand& options, const Engine& engine) {
  save_engine(engine, options.output);
  return check_status(options.check, options.output) == 0;
}

bool run(const DebugPrecisionCommand& options, const CommonOptions& common) {
  const Network network = network_from_file(options.model, options.build);
  const EngineConfig config = config_from(options.build);
  if (!config.int8 || !config.calibration) {
    fail(ErrorKind::kUsage, "debug precision takes layers out of INT8; give --int8 and --cache");
  }
  const RaisedLayers found =
      raise_until(network, config, [&](const Engine& engine) { return passes(options, engine); });
  save_engine(*found.engine, options.output);
  if (common.json) {
    print_json({{"raised", found.layers},
                {"trials", found.trials},
                {"engine", options.output},
                {"int8_layers", found.engine->int8_layers()}});
    return true;
  }
  std::string text =
      found.layers.empty()
          ? fmt::format("Every layer of the recipe may be INT8 ({} trial)\n", found.trials)
          : fmt::format("{} layer(s) must leave INT8 ({} trials):\n", found.layers.size(),
                        found.trials);
  for (const std::string& layer : found.layers)
    text += fmt::format("  --precision {}=fp32\n", layer);
  print_text(text + fmt::format("{} passes\n", options.output));
  return true;
}

}  // namespace

std::function<bool()> define_debug_precision(CLI::App& app, const CommonOptions& common) {
  const auto options = std::make_shared<DebugPrecisionCommand>();
  app.add_option("MODEL", options->model,
                 "Model (.onnx), checkpoint (.ckpt) or LeRobot's folder pretrained_model")
      ->required();
  app.add_option("-o,--output", options->output,
                 "Engine file to write: each candidate, and in the end the one that passes")
      ->required()
      ->type_name("FILE");
  app.add_option("--check", options->check, kCheckHelp)->required()->type_name("COMMAND");
  add_build_options(app, options->build);
  return [options, &common] { return run(*options, common); };
}

}  // namespace tendon::cli
