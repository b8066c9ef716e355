// `tendon compare`: several models or engines on the same inputs, held against the first one.
#include <tendon/compare.h>
#include <tendon/compare_actions.h>

#include <charconv>
#include <set>

#include "base/log.h"
#include "base/text_table.h"
#include "cli/data_options.h"
#include "cli/model_options.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/verb.h"

namespace tendon::cli {
namespace {

struct Options {
  std::vector<std::string> models;
  BuildOptions build;
  DataOptions data;
  int warm_up = 1;
  std::vector<std::string> atol, rtol;
  std::string check_error_stat = "elemwise";
  std::string compare = "simple";
  std::vector<std::string> limits;
  std::string action_output = "action";
  bool fail_fast = false;
  std::string save_outputs;
};

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

CompareFunc compare_func(const Options& options) {
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

/// Actions of one tested runner against the reference.
struct ActionReport {
  size_t tested;
  ActionAccumulator errors;
};

struct Exceeded {
  std::string tested;
  std::string joint;
  double found;
  double limit;
  std::string unit;
};

/// "--limit left_elbow=0.01", in the joint's unit; "*" stands for every joint without its own.
std::map<std::string, double> limits_from(const std::vector<std::string>& entries) {
  std::map<std::string, double> limits;
  for (const std::string& entry : entries) {
    const size_t equals = entry.rfind('=');
    if (equals == std::string::npos) {
      fail(ErrorKind::kUsage, "--limit '{}' is not of the form JOINT=VALUE", entry);
    }
    limits[entry.substr(0, equals)] =
        number_from(std::string_view(entry).substr(equals + 1), "--limit", entry);
  }
  return limits;
}

std::vector<Exceeded> check_limits(const std::vector<ActionComparison>& actions,
                                   const std::map<std::string, double>& limits) {
  std::vector<Exceeded> exceeded;
  std::map<std::string, double> unused = limits;
  for (const ActionComparison& comparison : actions) {
    for (const JointError& error : comparison.joints) {
      auto limit = limits.find(error.joint.name);
      if (limit == limits.end()) limit = limits.find("*");
      if (limit == limits.end()) continue;
      unused.erase(limit->first);
      if (!(error.robot.max <= limit->second)) {
        exceeded.push_back({comparison.tested, error.joint.name, error.robot.max, limit->second,
                            error.joint.unit});
      }
    }
  }
  if (!unused.empty()) {
    std::vector<std::string> names;
    for (const JointError& error :
         actions.empty() ? std::vector<JointError>() : actions[0].joints) {
      names.push_back(error.joint.name);
    }
    fail(
        ErrorKind::kUsage, "--limit names '{}', but the joints compared are {}{}",
        unused.begin()->first, names.empty() ? "none" : fmt::format("{}", fmt::join(names, ", ")),
        names.empty() ? "; give --stats so that actions can be compared in the robot's units" : "");
  }
  return exceeded;
}

Json as_json(const ErrorFigures& figures) {
  return {{"mean", figures.mean},
          {"rms", figures.rms},
          {"p99", figures.p99},
          {"max", figures.max},
          {"iteration", figures.iteration},
          {"step", figures.step}};
}

Json as_json(const ActionComparison& comparison) {
  Json joints = Json::array();
  for (const JointError& error : comparison.joints) {
    joints.push_back({{"joint", error.joint.name},
                      {"unit", error.joint.unit},
                      {"normalized", as_json(error.normalized)},
                      {"robot", as_json(error.robot)}});
  }
  Json steps = Json::array();
  for (const ErrorFigures& figures : comparison.steps) steps.push_back(as_json(figures));
  return {{"tested", comparison.tested},
          {"reference", comparison.reference},
          {"overall", as_json(comparison.overall)},
          {"joints", joints},
          {"steps", steps}};
}

/// Runs everything once; the results of one inference are in memory at a time.
class Comparison {
 public:
  explicit Comparison(const Options& options) : options_(options) {
    std::set<std::string> outputs;
    for (const std::string& model : options.models) {
      if (holds_recorded_outputs(model)) {
        runners_.push_back(nullptr);
        continue;
      }
      auto runner = runner_from_file(model, options.build);
      const auto scope = runner->scope();
      for (const TensorInfo& output : runner->engine().outputs()) outputs.insert(output.name);
      set_units(model, runner->engine().metadata());
      runners_.push_back(std::move(runner));
    }
    if (outputs.empty()) {
      fail(ErrorKind::kUsage, "all of {} are recorded outputs; name at least one model or engine",
           fmt::join(options.models, ", "));
    }
    for (size_t i = 0; i < runners_.size(); ++i) {
      if (!runners_[i]) runners_[i] = replay_from_file(options.models[i], outputs);
    }
  }

  bool run(bool json) {
    std::vector<Runner*> pointers;
    std::vector<std::string> names;
    for (const auto& runner : runners_) {
      pointers.push_back(runner.get());
      names.push_back(runner->name());
      runner->activate();
    }
    const Inputs inputs = inputs_from(options_.data, input_metadata(), metadata_);
    const std::optional<NormStats> stats = stats_from(options_.data);
    AccuracyAccumulator accuracy(names, compare_func(options_), {.fail_fast = options_.fail_fast});
    std::vector<ActionReport> reports;
    for (size_t i = 1; stats && i < runners_.size(); ++i) {
      reports.push_back({i, ActionAccumulator(*stats, {}, has_raw_units(metadata_))});
    }
    seconds_.resize(runners_.size());
    Progress progress("Comparing", inputs.count, "frames");
    Comparator::stream(pointers, inputs.source,
                       [&](const TensorMap&, std::span<const IterationResult> results) {
                         for (size_t i = 0; i < results.size(); ++i)
                           seconds_[i].push_back(results[i].runtime);
                         add_actions(reports, results);
                         progress.advance();
                         return accuracy.add(results);
                       },
                       {.warm_up = options_.warm_up, .save_outputs_path = options_.save_outputs});
    const AccuracyResult verdict = accuracy.finish();
    std::vector<ActionComparison> actions;
    for (const ActionReport& report : reports) {
      if (compared_actions_) {
        actions.push_back(report.errors.finish(names[report.tested], names[0]));
      }
    }
    const std::vector<Exceeded> exceeded = check_limits(actions, limits_from(options_.limits));
    // With limits in the robot's units, they decide; tolerances are then for information.
    const bool passed = options_.limits.empty() ? verdict.passed() : exceeded.empty();
    json ? print_json(as_json_result(names, verdict, actions, exceeded, passed))
         : print_text(as_text_result(names, verdict, actions, exceeded));
    return passed;
  }

 private:
  /// All models get the same inputs, so they must take them in the same units.
  void set_units(const std::string& model, const std::map<std::string, std::string>& metadata) {
    if (first_model_.empty()) {
      first_model_ = model;
      metadata_ = metadata;
    } else if (has_raw_units(metadata) != has_raw_units(metadata_)) {
      fail(ErrorKind::kUsage,
           "{} and {} cannot be compared: one takes the robot's units (--raw-units), the other "
           "normalised ones",
           first_model_, model);
    }
  }

  /// Of the first runner that takes inputs; recorded outputs take none.
  std::vector<TensorInfo> input_metadata() const {
    for (const auto& runner : runners_) {
      if (!runner->is_replay()) return runner->get_input_metadata();
    }
    return {};
  }

  void add_actions(std::vector<ActionReport>& reports, std::span<const IterationResult> results) {
    const auto reference = results[0].outputs.find(options_.action_output);
    if (reference == results[0].outputs.end()) return;
    for (ActionReport& report : reports) {
      const auto tested = results[report.tested].outputs.find(options_.action_output);
      if (tested == results[report.tested].outputs.end()) continue;
      report.errors.add(tested->second, reference->second);
      compared_actions_ = true;
    }
  }

  std::string as_text_result(const std::vector<std::string>& names, const AccuracyResult& verdict,
                             const std::vector<ActionComparison>& actions,
                             const std::vector<Exceeded>& exceeded) const {
    using enum TextTable::Align;
    std::string text;
    for (const ActionComparison& comparison : actions) {
      text += fmt::format("Actions of {} against {}, {} frames\n\n{}\n", comparison.tested,
                          comparison.reference, comparison.iterations, to_table(comparison));
    }
    TextTable outputs(
        {{"tested"}, {"output"}, {"max abs", kRight}, {"mean abs", kRight}, {"passed", kRight}});
    for (size_t pair = 0; pair < verdict.pairs.size(); ++pair) {
      const PairAccuracy& accuracy = verdict.pairs[pair];
      if (accuracy.iterations.empty()) continue;
      for (const auto& [name, first] : accuracy.iterations.front()) {
        const bool simple = first.figures.contains("max_absdiff");
        outputs.add_row(
            {accuracy.tested, name,
             simple ? fmt::format("{:.3g}", accuracy.worst(name, "max_absdiff")) : "",
             simple ? fmt::format("{:.3g}", accuracy.worst(name, "mean_absdiff")) : "",
             fmt::format("{} of {}", accuracy.passed_count(), accuracy.iterations.size())});
      }
    }
    text += fmt::format("Outputs against {}, in the model's units\n\n{}\n", names[0],
                        outputs.to_string());
    TextTable times({{"runner"}, {"p50 ms", kRight}, {"p99 ms", kRight}, {"max ms", kRight}});
    for (size_t i = 0; i < names.size(); ++i) {
      if (runners_[i]->is_replay()) continue;
      const LatencyStatistics latency = compute_latency(seconds_[i]);
      times.add_row({names[i], fmt::format("{:.2f}", latency.p50 * 1e3),
                     fmt::format("{:.2f}", latency.p99 * 1e3),
                     fmt::format("{:.2f}", latency.max * 1e3)});
    }
    text += times.to_string();
    for (const Exceeded& e : exceeded) {
      text += fmt::format("LIMIT EXCEEDED: {} moves {} by {:.4g} {}, limit {:.4g}\n", e.tested,
                          e.joint, e.found, e.unit, e.limit);
    }
    return text;
  }

  Json as_json_result(const std::vector<std::string>& names, const AccuracyResult& verdict,
                      const std::vector<ActionComparison>& actions,
                      const std::vector<Exceeded>& exceeded, bool passed) const {
    Json result{{"passed", passed}, {"runners", Json::array()}, {"outputs", Json::array()}};
    for (size_t i = 0; i < names.size(); ++i) {
      const LatencyStatistics latency = compute_latency(seconds_[i]);
      result["runners"].push_back(
          {{"name", names[i]},
           {"latency_ms",
            {{"p50", latency.p50 * 1e3}, {"p99", latency.p99 * 1e3}, {"max", latency.max * 1e3}}}});
    }
    for (const PairAccuracy& pair : verdict.pairs) {
      for (size_t i = 0; i < pair.iterations.size(); ++i) {
        for (const auto& [name, output] : pair.iterations[i]) {
          Json entry{{"tested", pair.tested},   {"reference", pair.reference},
                     {"iteration", i},          {"output", name},
                     {"passed", output.passed}, {"reason", output.reason}};
          for (const auto& [figure, value] : output.figures) entry[figure] = value;
          result["outputs"].push_back(std::move(entry));
        }
      }
    }
    for (const ActionComparison& comparison : actions) {
      result["actions"].push_back(as_json(comparison));
    }
    for (const Exceeded& e : exceeded) {
      result["limits_exceeded"].push_back({{"tested", e.tested},
                                           {"joint", e.joint},
                                           {"found", e.found},
                                           {"limit", e.limit},
                                           {"unit", e.unit}});
    }
    return result;
  }

  const Options& options_;
  std::vector<std::unique_ptr<Runner>> runners_;
  /// The first model that is none of recorded outputs, and its metadata.
  std::string first_model_;
  std::map<std::string, std::string> metadata_;
  std::vector<std::vector<double>> seconds_;
  bool compared_actions_ = false;
};

void define_options(CLI::App& app, Options& options) {
  const auto group = [](CLI::Option* option) { return option->group("Comparison"); };
  app.add_option(
         "MODELS", options.models,
         "Models (.onnx), checkpoints, engines (.engine) or recorded outputs (.npz, .json); "
         "the first is the reference")
      ->required()
      ->expected(2, 16);
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
  group(app.add_option("--limit", options.limits,
                       "Largest error of a joint in its own unit (* for all): left_elbow=0.01"))
      ->type_name("JOINT=VALUE");
  group(app.add_option("--action-output", options.action_output, "The output that holds actions"))
      ->capture_default_str();
  group(app.add_flag("--fail-fast", options.fail_fast, "Stop at the first failure"));
  group(app.add_option("--warm-up", options.warm_up, "Runs before the first one that counts"))
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  group(app.add_option("--save-outputs", options.save_outputs, "Write all outputs (.npz)"))
      ->type_name("FILE");
  add_data_options(app, options.data);
  add_build_options(app, options.build);
}

}  // namespace

Verb compare_verb() {
  return {"compare", "Run several models or engines on the same inputs and compare their outputs",
          "  tendon compare policy.onnx policy.engine --episodes episodes/ --stats "
          "dataset_stats.pkl --stride 20\n"
          "  tendon compare recorded.npz policy.engine --inputs recorded.npz --limit '*=0.001' "
          "--stats dataset_stats.pkl",
          [](CLI::App& app, const CommonOptions& common) -> std::function<bool()> {
            const auto options = std::make_shared<Options>();
            define_options(app, *options);
            return [options, &common] {
              take_data_options(options->build.checkpoint, options->data);
              return Comparison(*options).run(common.json);
            };
          }};
}

}  // namespace tendon::cli
