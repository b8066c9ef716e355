#include "cli/debug_precision.h"

#include <tendon/precision_search.h>

#include <CLI/CLI.hpp>

#include "base/format.h"
#include "base/process.h"
#include "cli/model_options.h"
#include "cli/options.h"
#include "cli/output.h"

namespace tendon::cli {
namespace {

constexpr int kNoSuchProgram = 127;

struct Options {
  std::string model;
  std::string artifact = "tendon_debug.engine";
  std::vector<std::string> command;
  BuildOptions build;
};

bool passes(const Options& options, const Engine& engine) {
  save_engine(engine, options.artifact);
  const ProcessResult result = run_process(options.command, ProcessOutput::kStandardError);
  if (result.exit_status == kNoSuchProgram) {
    fail(ErrorKind::kUsage, "the check '{}' cannot be started: there is no such program",
         options.command.front());
  }
  return result.exit_status == 0;
}

bool run(const Options& options, const CommonOptions& common) {
  if (options.command.empty()) {
    fail(ErrorKind::kUsage,
         "nothing judges the engines; give a command after --, which passes with exit status 0. "
         "For a limit on the errors of actions: tendon build --max-error");
  }
  const Network network = network_from_file(options.model, options.build);
  const EngineConfig config = config_from(options.build);
  if (!config.int8 || !config.calibration) {
    fail(ErrorKind::kUsage, "debug precision takes layers out of INT8; give --int8 and --cache");
  }
  const RaisedLayers found =
      raise_until(network, config, [&](const Engine& engine) { return passes(options, engine); });
  save_engine(*found.engine, options.artifact);
  if (common.json) {
    print_json({{"raised", found.layers},
                {"trials", found.trials},
                {"engine", options.artifact},
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
  print_text(text + fmt::format("{} passes\n", options.artifact));
  return true;
}

}  // namespace

std::function<bool()> define_debug_precision(CLI::App& app, const CommonOptions& common) {
  const auto options = std::make_shared<Options>();
  app.add_option("MODEL", options->model,
                 "Model (.onnx), checkpoint (.ckpt) or LeRobot's folder pretrained_model")
      ->required();
  app.add_option("COMMAND", options->command,
                 "After --: what judges an engine, by exit status 0; it reads the artifact");
  app.add_option("--artifact", options->artifact, "Where the engine of a trial is written")
      ->capture_default_str()
      ->type_name("FILE");
  add_build_options(app, options->build);
  return [options, &common] { return run(*options, common); };
}

}  // namespace tendon::cli
