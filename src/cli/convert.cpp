// `tendon convert`: writes a calibrated model in the form that another runtime runs in INT8.
#include <tendon/calibration.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>

#include "api/network_impl.h"
#include "api/qdq.h"
#include "base/file.h"
#include "base/log.h"
#include "base/units.h"
#include "cli/model_options.h"
#include "cli/output.h"
#include "cli/verb.h"
#include "onnx/exporter.h"
#include "quant/algorithm.h"
#include "quant/tensorrt_cache.h"

namespace tendon::cli {
namespace {

constexpr std::string_view kCacheTarget = "trt-cache";

struct ConvertCommand {
  std::string model;
  std::string cache;
  std::string output;
  QdqOptions qdq;
  std::vector<std::string> precision;
  int opset = OnnxOptions().opset;
  std::string tensorrt_version = "8502";
};

std::string target_names() {
  std::string names;
  for (const Dialect& dialect : dialect_table()) names += fmt::format("{}, ", dialect.name);
  return names + std::string(kCacheTarget);
}

bool write_cache(const ConvertCommand& options, const Calibration& calibration,
                 const CommonOptions& common) {
  const std::string text = text_from_ranges(
      calibration.ranges(), row_of(calibration.info().range.algorithm).tensorrt_name,
      options.tensorrt_version);
  log_info("Saving calibration cache to {}", options.output);
  write_file_atomically(options.output, text);
  if (common.json) {
    print_json(Json{{"output", options.output},
                    {"target", kCacheTarget},
                    {"values", calibration.ranges().size()}});
  } else {
    print_text(fmt::format("{}: {} scales for TensorRT up to 10\n", options.output,
                           calibration.ranges().size()));
  }
  return true;
}

void print_result(const ConvertCommand& options, const ExplicitGraph& made,
                  const CommonOptions& common) {
  const uintmax_t bytes = std::filesystem::file_size(options.output);
  const QuantizationPlan& plan = made.plan;
  if (common.json) {
    Json kept = Json::object();
    for (const auto& [name, reason] : plan.kept) kept[name] = reason;
    print_json(Json{{"output", options.output},
                    {"target", options.qdq.target},
                    {"opset", options.opset},
                    {"bytes", bytes},
                    {"int8_layers", plan.int8_layers},
                    {"int8_share", made.int8_share},
                    {"kept", std::move(kept)}});
    return;
  }
  print_text(fmt::format(
      "{}: for {}, opset {}, {} on disk, {} of {} layers with weights in INT8, {:.1f} % of the "
      "multiply-adds\n",
      options.output, dialect_from_name(options.qdq.target).runtime, options.opset,
      text_of_bytes(static_cast<double>(bytes)), plan.int8_layers.size(),
      plan.int8_layers.size() + plan.kept.size(), 100 * made.int8_share));
}

bool run(const ConvertCommand& options, const CommonOptions& common) {
  const Calibration calibration = Calibration::load(options.cache, options.qdq.force);
  if (options.qdq.target == kCacheTarget) return write_cache(options, calibration, common);
  dialect_from_name(options.qdq.target);
  QdqOptions qdq = options.qdq;
  qdq.layer_precisions = layer_precisions_from(options.precision);
  const Network network = network_from_onnx_path(options.model);
  const ExplicitGraph made = explicit_graph_from(network, calibration, qdq);
  for (const auto& [name, reason] : made.plan.kept) log_verbose("{} stays float: {}", name, reason);
  save_onnx(network_from_graph(made.graph), options.output, {.opset = options.opset});
  print_result(options, made, common);
  return true;
}

}  // namespace

Verb convert_verb() {
  return {
      "convert", "Write a calibrated model as Q/DQ ONNX for another runtime",
      "  tendon convert policy.onnx --cache policy.cache -o policy.qdq.onnx --target ort\n"
      "  tendon convert policy.onnx --cache policy.cache -o trt.cache --target trt-cache",
      [](CLI::App& app, const CommonOptions& common) -> std::function<bool()> {
        const auto options = std::make_shared<ConvertCommand>();
        app.add_option("MODEL", options->model, "Model (.onnx) that was calibrated")->required();
        app.add_option("--cache", options->cache, "Calibration cache")
            ->required()
            ->type_name("FILE");
        app.add_option("-o,--output", options->output, "File to write")
            ->required()
            ->type_name("FILE");
        app.add_option("--target", options->qdq.target, target_names())->required();
        app.add_option("--opset", options->opset, "ONNX operator set, 13 to 21")
            ->check(CLI::Range(kOldestExportOpset, kNewestExportOpset))
            ->capture_default_str();
        app.add_option("--precision", options->precision,
                       "Layer with weights that is int8 or is not, LAYER=TYPE; LAYER may hold *")
            ->delimiter(',');
        app.add_flag("--reduce-range", options->qdq.reduce_range,
                     "Weights in 7 bits, for CPUs without VNNI");
        app.add_flag("--force", options->qdq.force, "Use a calibration of another model");
        app.add_option("--trt-version", options->tensorrt_version,
                       "Version in the first line of trt-cache")
            ->capture_default_str();
        return [options, &common] { return run(*options, common); };
      }};
}

}  // namespace tendon::cli
