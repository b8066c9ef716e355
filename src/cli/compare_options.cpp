#include "cli/compare_options.h"

#include <CLI/CLI.hpp>
#include <charconv>

#include "base/format.h"
#include "cli/options.h"

namespace tendon::cli {
namespace {

double number_from(std::string_view text, std::string_view option, const std::string& entry) {
  double value = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  if (parsed.ec != std::errc() || parsed.ptr != text.data() + text.size() || !(value >= 0)) {
    fail(ErrorKind::kUsage, "{} '{}' does not end in a number of at least 0", option, entry);
  }
  return value;
}

/// "1e-4" for all outputs, "action:1e-4" for one.
PerOutput<double> tolerances(const std::vector<std::string>& entries, std::string_view option,
                             double preset) {
  std::map<std::string, double, std::less<>> values{{"", preset}};
  for (const std::string& entry : entries) {
    const size_t colon = entry.rfind(':');
    const bool named = colon != std::string::npos;
    const std::string_view number = std::string_view(entry).substr(named ? colon + 1 : 0);
    values[named ? entry.substr(0, colon) : ""] = number_from(number, option, entry);
  }
  return values;
}

void define_output_options(CLI::App& app, CompareOptions& options) {
  const auto group = [](CLI::Option* option) { return option->group("Comparison"); };
  group(app.add_option("--compare", options.compare, "How outputs are compared"))
      ->check(CLI::IsMember({"simple", "distance_metrics", "quality_metrics", "indices"}))
      ->capture_default_str();
  group(app.add_option("--atol", options.atol,
                       "Absolute tolerance; fails where this and --rtol are both exceeded"))
      ->type_name("[OUTPUT:]VALUE");
  group(app.add_option("--rtol", options.rtol, "Relative tolerance"))->type_name("[OUTPUT:]VALUE");
  group(app.add_option("--check-error-stat", options.check_error_stat,
                       "Which statistic of the error the tolerances hold for"))
      ->check(CLI::IsMember({"elemwise", "max", "mean", "median", "quantile"}))
      ->capture_default_str();
  group(app.add_flag("--fail-fast", options.fail_fast, "Stop at the first failure"));
  group(app.add_option("--warm-up", options.warm_up, "Runs before the first one that counts"))
      ->check(require_not_negative)
      ->capture_default_str();
  group(app.add_option("--save-outputs", options.save_outputs, "Write all outputs (.npz)"))
      ->type_name("FILE");
}

void define_action_options(CLI::App& app, CompareOptions& options) {
  const auto group = [](CLI::Option* option) { return option->group("Actions"); };
  group(app.add_option("--limit", options.limits,
                       "Largest error of a joint in its own unit (* for all): left_elbow=0.01. "
                       "Other figures: '*:p99=0.002', also mean, rms, and jump (at chunk borders, "
                       "as a multiple of the reference's)"))
      ->type_name("JOINT[:STAT]=VALUE");
  group(app.add_option("--action-output", options.action_output, "The output that holds actions"))
      ->capture_default_str();
  group(app.add_option("--query-every", options.query_every,
                       "Steps of a chunk that are carried out before the next one; 0: all"))
      ->check(require_not_negative)
      ->capture_default_str();
  group(app.add_option("--ensembling-decay", options.ensembling_decay,
                       "Temporal ensembling weighs predictions by exp(-decay * i), oldest first"))
      ->capture_default_str();
  group(app.add_option("--rate", options.rate, "Control steps a second"))
      ->check(require_positive)
      ->capture_default_str();
}

void define_report_options(CLI::App& app, CompareOptions& options) {
  const auto group = [](CLI::Option* option) { return option->group("Report"); };
  group(app.add_option("--report", options.report, "Write everything as one HTML page"))
      ->type_name("FILE.html");
  group(app.add_option("--worst", options.worst_frames, "Worst frames of each engine to show"))
      ->check(CLI::Range(0, 100))
      ->capture_default_str();
  group(app.add_option("--calibration", options.calibrations,
                       "Calibrations whose ranges to show over the histograms of the first"))
      ->type_name("FILE.cache");
  group(app.add_flag("--layers", options.layers, "Compare the output of every layer"));
  group(
      app.add_option("--layer-frames", options.layer_frames, "Frames that layers are compared on"))
      ->check(require_positive)
      ->capture_default_str();
}

}  // namespace

void define_compare_options(CLI::App& app, CompareOptions& options) {
  app.add_option(
         "MODELS", options.models,
         "Models (.onnx), checkpoints, engines (.engine) or recorded outputs (.npz, .json); "
         "the first is the reference")
      ->required()
      ->expected(2, 16);
  define_output_options(app, options);
  define_action_options(app, options);
  define_report_options(app, options);
  add_data_options(app, options.data);
  add_build_options(app, options.build);
  add_run_options(app, options.build);
}

CompareFunc compare_func_from(const CompareOptions& options) {
  if (options.compare == "distance_metrics") return CompareFunc::distance_metrics();
  if (options.compare == "quality_metrics") return CompareFunc::quality_metrics();
  if (options.compare == "indices") return CompareFunc::indices();
  static const std::map<std::string, ErrorStat> kStats = {{"elemwise", ErrorStat::kElemwise},
                                                          {"max", ErrorStat::kMax},
                                                          {"mean", ErrorStat::kMean},
                                                          {"median", ErrorStat::kMedian},
                                                          {"quantile", ErrorStat::kQuantile}};
  return CompareFunc::simple({.atol = tolerances(options.atol, "--atol", 1e-5),
                              .rtol = tolerances(options.rtol, "--rtol", 1e-5),
                              .check_error_stat = kStats.at(options.check_error_stat)});
}

PolicyOptions policy_options_from(const CompareOptions& options) {
  return {.action_output = options.action_output,
          .execution = {options.query_every, options.ensembling_decay, options.rate},
          .worst_frames = options.worst_frames};
}

std::vector<ActionLimit> limits_from(const CompareOptions& options) {
  std::vector<ActionLimit> limits;
  for (const std::string& entry : options.limits) limits.push_back(action_limit_from_text(entry));
  return limits;
}

}  // namespace tendon::cli
