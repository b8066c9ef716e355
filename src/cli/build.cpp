// `tendon build`: optimises a model for one device and saves the engine.
#include <tendon/calibrator.h>
#include <tendon/precision_search.h>

#include <CLI/CLI.hpp>
#include <filesystem>

#include "backends/registry.h"
#include "base/log.h"
#include "base/units.h"
#include "cli/calibration_frames.h"
#include "cli/data_options.h"
#include "cli/gpu_memory.h"
#include "cli/model_options.h"
#include "cli/output.h"
#include "cli/verb.h"
#include "compare/int8_layers.h"

namespace tendon::cli {
namespace {

struct BuildCommand {
  std::string model;
  std::string output;
  BuildOptions build;
  DataOptions data;
  std::vector<std::string> max_error;
};

/// Frames that precisions are judged on unless --frames says otherwise.
constexpr int64_t kJudgedFrames = 16;

struct Built {
  Engine engine;
  std::optional<PrecisionSearchResult> search;
};

/// INT8 in as many layers as the error limit allows.
Built build_within(const BuildCommand& options) {
  const Network network = network_from_file(options.model, options.build);
  EngineConfig config = config_from(options.build);
  if (!config.int8 || !config.calibration) {
    fail(ErrorKind::kUsage, "--max-error limits what INT8 does; give --int8 and --cache too");
  }
  DataOptions data = options.data;
  if (data.frames == 0) data.frames = kJudgedFrames;
  const std::optional<NormStats> stats = stats_from(data);
  if (!stats || (data.episodes.empty() && data.inputs.empty())) {
    fail(ErrorKind::kUsage,
         "--max-error is judged on recorded frames in the robot's units; give --episodes (or "
         "--inputs) and --stats");
  }
  if (has_raw_units(network.metadata())) {
    fail(ErrorKind::kUnsupported,
         "--max-error needs a policy whose actions are normalised; export it without --raw-units");
  }
  const Inputs inputs = inputs_from(data, network.inputs());
  std::vector<TensorMap> frames;
  const DataSource::Next next = inputs.source.start(network.inputs());
  while (auto item = next()) frames.push_back(std::move(*item));
  PrecisionSearchResult search = search_precisions(network, config, frames, *stats,
                                                   error_budget_from_texts(options.max_error));
  config = with_int8_layers(config, search.int8_layers);
  return {engine_from_network(network, config), std::move(search)};
}

/// INT8 or FP16 whose ranges are found first, on recorded frames; a cache that is there is used,
/// else it is written.
Built calibrate_and_build(const BuildCommand& options) {
  BuildOptions build = options.build;
  const std::string cache = std::exchange(build.cache, "");
  backends_for_device(build.device);  // before a long calibration
  const Network network = network_from_file(options.model, build);
  EngineConfig config = config_from(build);
  CalibratorOptions chosen{.cache = cache,
                           .algorithm = kDefaultAlgorithm,
                           .force = build.force,
                           // Observers stand on the host, between layers.
                           .device = has_gpu(build.device) ? "cpu" : build.device,
                           .threads = build.threads};
  if (options.data.episodes.empty()) {
    Calibrator calibrator(inputs_from(options.data, network.inputs(), network.metadata()).source,
                          chosen);
    config.calibrator = &calibrator;
    return {engine_from_network(network, config), {}};
  }
  const Observations data = calibration_frames(options.data, {}, network);
  CameraOrderCheck cameras(data, network);
  chosen.on_frame = watch_calibration(static_cast<int64_t>(data.frames().size()), &cameras);
  Calibrator calibrator(data, chosen);
  config.calibrator = &calibrator;
  Built built{engine_from_network(network, config), {}};
  cameras.report();
  return built;
}

Built build_as_asked(const BuildCommand& options) {
  if (!options.max_error.empty()) return build_within(options);
  const bool has_data = !options.data.episodes.empty() || !options.data.inputs.empty();
  if (!has_data) return {engine_from_file(options.model, options.build), {}};
  const bool guards_half = options.build.fp16 && has_gpu(options.build.device);
  if (!options.build.int8 && !guards_half) {
    fail(ErrorKind::kUsage,
         "--episodes and --inputs are what INT8 and, on a GPU, FP16 are calibrated on, or what "
         "--max-error is judged on; give --int8, or --fp16 and --device cuda, or leave them out");
  }
  return calibrate_and_build(options);
}

Json as_json(const PrecisionSearchResult& search) {
  Json trials = Json::array();
  for (const PrecisionTrial& trial : search.trials) {
    trials.push_back({{"int8_layers", trial.int8_layers},
                      {"share_of_limit", trial.share},
                      {"ms", trial.milliseconds},
                      {"weight_bytes", trial.weight_bytes}});
  }
  Json layers = Json::array();
  for (const LayerSensitivity& layer : search.sensitivities) {
    layers.push_back({{"layer", layer.layer},
                      {"share_of_limit", layer.share},
                      {"ms_saved", layer.milliseconds}});
  }
  return {{"trials", trials}, {"raised", search.raised}, {"sensitivities", layers}};
}

Json as_json(const Engine& engine, const std::string& path, uintmax_t bytes) {
  Json passes = Json::array();
  for (const PassInfo& pass : engine.passes()) {
    passes.push_back({{"name", pass.name},
                      {"nodes_removed", pass.nodes_removed},
                      {"parameters_removed", pass.parameters_removed},
                      {"seconds", pass.seconds},
                      {"note", pass.note}});
  }
  Json kept = Json::object();
  for (const KeptLayer& layer : engine.kept_layers()) kept[layer.name] = layer.reason;
  int64_t multiply_adds = 0;
  for (const LayerInfo& layer : engine.layers()) multiply_adds += layer.multiply_adds;
  Json json{{"engine", path},
            {"bytes", bytes},
            {"device", engine.device()},
            {"threads", engine.threads()},
            {"layers", engine.layers().size()},
            {"multiply_adds", multiply_adds},
            {"weight_bytes", engine.weight_bytes()},
            {"activation_bytes", engine.activation_bytes()},
            {"build_seconds", engine.build_seconds()},
            {"int8_layers", engine.int8_layers()},
            {"kept_layers", kept},
            {"passes", passes}};
  add_gpu_memory(json, engine);
  return json;
}

bool run(const BuildCommand& options, const CommonOptions& common) {
  const Built built = build_as_asked(options);
  const Engine& engine = built.engine;
  save_engine(engine, options.output);
  const uintmax_t bytes = std::filesystem::file_size(options.output);
  if (common.json) {
    Json json = as_json(engine, options.output, bytes);
    if (built.search) json["precision_search"] = as_json(*built.search);
    print_json(json);
    return true;
  }
  if (built.search) print_text(to_text(*built.search) + "\n");
  print_text(fmt::format(
      "{}: {} layers for {}, {} on disk, {} for activations, built in {:.2f} s\n", options.output,
      engine.layers().size(), engine.device(), text_of_bytes(static_cast<double>(bytes)),
      text_of_bytes(static_cast<double>(engine.activation_bytes())), engine.build_seconds()));
  const std::string memory = gpu_memory_text(engine);
  if (!memory.empty()) print_text(fmt::format("GPU memory: {}\n", memory));
  return true;
}

}  // namespace

Verb build_verb() {
  return {"build", "Optimise a model for one device and save the engine",
          "  tendon build policy.onnx -o policy.engine --threads 2\n"
          "  tendon build policy.onnx -o int8.engine --int8 --cache policy.cache\n"
          "  tendon build policy.onnx -o int8.engine --int8 --episodes episodes/ --stats "
          "dataset_stats.pkl\n"
          "  tendon build policy.onnx -o half.engine --device cuda --fp16 --episodes episodes/ "
          "--stats dataset_stats.pkl\n"
          "  tendon build policy.onnx -o int8.engine --int8 --cache policy.cache --max-error 0.002 "
          "--episodes held_out/ --stats dataset_stats.pkl",
          [](CLI::App& app, const CommonOptions& common) -> std::function<bool()> {
            const auto options = std::make_shared<BuildCommand>();
            app.add_option("MODEL", options->model,
                           "Model (.onnx), checkpoint (.ckpt) or LeRobot's folder pretrained_model")
                ->required();
            app.add_option("-o,--output", options->output, "Engine file to write")
                ->required()
                ->type_name("FILE");
            add_build_options(app, options->build);
            add_data_options(app, options->data);
            app.add_option("--max-error", options->max_error,
                           "Raise layers until the p99 of the action errors is within the limit: "
                           "0.002 (rad), JOINT=0.01, 5% (of each joint's deviation)")
                ->type_name("LIMIT")
                ->group("Build");
            return [options, &common] {
              take_data_options(options->build.checkpoint, options->data);
              return run(*options, common);
            };
          }};
}

}  // namespace tendon::cli
