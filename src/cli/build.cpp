// `tendon build`: optimises a model for one device and saves the engine.
#include <filesystem>

#include "base/log.h"
#include "base/units.h"
#include "cli/model_options.h"
#include "cli/output.h"
#include "cli/verb.h"

namespace tendon::cli {
namespace {

struct Options {
  std::string model;
  std::string output;
  BuildOptions build;
};

Json as_json(const Engine& engine, const std::string& path, uintmax_t bytes) {
  Json passes = Json::array();
  for (const PassInfo& pass : engine.passes()) {
    passes.push_back({{"name", pass.name},
                      {"nodes_removed", pass.nodes_removed},
                      {"parameters_removed", pass.parameters_removed},
                      {"seconds", pass.seconds},
                      {"note", pass.note}});
  }
  int64_t multiply_adds = 0;
  for (const LayerInfo& layer : engine.layers()) multiply_adds += layer.multiply_adds;
  return {{"engine", path},
          {"bytes", bytes},
          {"device", engine.device()},
          {"threads", engine.threads()},
          {"layers", engine.layers().size()},
          {"multiply_adds", multiply_adds},
          {"weight_bytes", engine.weight_bytes()},
          {"activation_bytes", engine.activation_bytes()},
          {"build_seconds", engine.build_seconds()},
          {"passes", passes}};
}

bool run(const Options& options, const CommonOptions& common) {
  const Engine engine = engine_from_file(options.model, options.build);
  save_engine(engine, options.output);
  const uintmax_t bytes = std::filesystem::file_size(options.output);
  if (common.json) {
    print_json(as_json(engine, options.output, bytes));
    return true;
  }
  print_text(fmt::format(
      "{}: {} layers for {}, {} on disk, {} for activations, built in {:.2f} s\n", options.output,
      engine.layers().size(), engine.device(), text_of_bytes(static_cast<double>(bytes)),
      text_of_bytes(static_cast<double>(engine.activation_bytes())), engine.build_seconds()));
  return true;
}

}  // namespace

Verb build_verb() {
  return {"build", "Optimise a model for one device and save the engine",
          "  tendon build policy.onnx -o policy.engine --threads 2",
          [](CLI::App& app, const CommonOptions& common) -> std::function<bool()> {
            const auto options = std::make_shared<Options>();
            app.add_option("MODEL", options->model,
                           "Model (.onnx), checkpoint (.ckpt) or LeRobot's folder pretrained_model")
                ->required();
            app.add_option("-o,--output", options->output, "Engine file to write")
                ->required()
                ->type_name("FILE");
            add_build_options(app, options->build);
            add_camera_options(app, options->build.checkpoint);
            return [options, &common] { return run(*options, common); };
          }};
}

}  // namespace tendon::cli
