#include "cli/comparison.h"

#include <algorithm>
#include <ctime>
#include <filesystem>
#include <map>
#include <set>

#include "base/checksum.h"
#include "base/cpu_peak.h"
#include "base/file.h"
#include "base/format.h"
#include "base/log.h"
#include "base/units.h"
#include "cli/machine.h"
#include "cli/progress.h"

namespace tendon::cli {
namespace {

/// Runs of which the time of each layer is the median.
constexpr int kProfileRuns = 5;

std::string utc_now() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  gmtime_r(&now, &parts);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%d %H:%M UTC", &parts);
  return text;
}

/// File names, or paths where two files bear the same name.
std::vector<std::string> names_of(const std::vector<std::string>& models) {
  std::vector<std::string> names;
  for (const std::string& model : models) {
    const std::string file = std::filesystem::path(model).filename();
    const auto same = std::ranges::count_if(models, [&](const std::string& other) {
      return file == std::filesystem::path(other).filename();
    });
    std::string name = same == 1 ? file : model;
    for (int i = 2; std::ranges::count(names, name) > 0; ++i)
      name = fmt::format("{} ({})", model, i);
    names.push_back(std::move(name));
  }
  return names;
}

/// The inputs that an engine takes.
TensorMap inputs_of(const EngineRunner& runner, const TensorMap& inputs) {
  TensorMap known = inputs;
  std::erase_if(known, [&](const auto& entry) {
    return find(runner.get_input_metadata(), entry.first) == nullptr;
  });
  return known;
}

class Comparison {
 public:
  Comparison(const CompareOptions& options, const std::string& command)
      : options_(options), limits_(limits_from(options)), names_(names_of(options.models)) {
    report_.command = command;
    // A place that cannot be written to is better known before hours of work than after.
    if (!options.report.empty()) {
      const AtomicFileWriter probe(options.report);
    }
    report_.calibrations = names_of(options.calibrations);
    report_.histograms = histograms_from_calibrations(options.calibrations);
    open_runners();
  }

  ComparisonOutcome run() {
    for (const auto& runner : runners_) runner->activate();
    const Inputs inputs = inputs_from(options_.data, input_metadata(), metadata());
    const std::optional<NormStats> stats = stats_from(options_.data);
    start(inputs, stats);
    AccuracyAccumulator accuracy(names_, compare_func_from(options_),
                                 {.fail_fast = options_.fail_fast, .decides = limits_.empty()});
    std::vector<Runner*> pointers;
    for (const auto& runner : runners_) pointers.push_back(runner.get());
    Progress progress("Comparing", inputs.count, "frames");
    Comparator::stream(pointers, inputs.source,
                       [&](const TensorMap& item, std::span<const IterationResult> results) {
                         add(item, results);
                         progress.advance();
                         return accuracy.add(results);
                       },
                       {.warm_up = options_.warm_up, .save_outputs_path = options_.save_outputs});
    ComparisonOutcome outcome{{}, accuracy.finish()};
    finish(inputs, outcome.accuracy);
    outcome.report = std::move(report_);
    return outcome;
  }

 private:
  void open_runners() {
    std::set<std::string> outputs;
    for (size_t i = 0; i < names_.size(); ++i) {
      engines_.push_back(nullptr);
      runners_.push_back(nullptr);
      if (holds_recorded_outputs(options_.models[i])) continue;
      auto runner =
          std::make_unique<EngineRunner>(engine_from_file(options_.models[i], options_.build),
                                         names_[i], runner_options_from(options_.build));
      const auto scope = runner->scope();
      for (const TensorInfo& output : runner->engine().outputs()) outputs.insert(output.name);
      engines_.back() = runner.get();
      runners_.back() = std::move(runner);
    }
    if (outputs.empty()) {
      fail(ErrorKind::kUsage, "all of {} are recorded outputs; name at least one model or engine",
           fmt::join(options_.models, ", "));
    }
    for (size_t i = 0; i < runners_.size(); ++i) {
      if (!runners_[i]) runners_[i] = replay_from_file(options_.models[i], outputs, names_[i]);
    }
  }

  /// The model's own, of the first engine. Throws Error{kUsage} where engines give different units,
  /// Error{kUnsupported} where errors would be scaled by statistics that actions were scaled by.
  std::map<std::string, std::string> metadata() const {
    std::optional<std::map<std::string, std::string>> first;
    for (size_t i = 0; i < engines_.size(); ++i) {
      if (engines_[i] == nullptr) continue;
      std::map<std::string, std::string> found = engines_[i]->engine().metadata();
      if (first && has_raw_units(found) != has_raw_units(*first)) {
        fail(ErrorKind::kUsage,
             "{} and the model before it differ: one gives actions in the robot's units, the other "
             "normalised ones; compare models of one kind",
             names_[i]);
      }
      if (!first) first = std::move(found);
    }
    if (first && has_raw_units(*first) && !options_.data.stats.empty()) {
      fail(ErrorKind::kUnsupported,
           "these models give actions in the robot's units; comparing them joint by joint needs "
           "policies exported without --raw-units. Without --stats outputs are compared as they "
           "are");
    }
    return first.value_or(std::map<std::string, std::string>());
  }

  /// Of the first runner that takes inputs; recorded outputs take none.
  std::vector<TensorInfo> input_metadata() const {
    for (const EngineRunner* engine : engines_) {
      if (engine != nullptr) return engine->get_input_metadata();
    }
    return {};
  }

  /// What can be said of the limits before anything has run.
  void check_limits_before(const Inputs& inputs, const std::optional<NormStats>& stats) const {
    if (limits_.empty()) return;
    if (!stats.has_value()) {
      fail(ErrorKind::kUsage,
           "--limit '{}' is in the robot's units; give --stats so that actions can be compared in "
           "them",
           to_string(limits_.front()));
    }
    check_limit_names(limits_, default_joints(stats->action_count()));
    for (const ActionLimit& limit : limits_) {
      if (limit.stat == LimitStat::kJump && !inputs.dataset.has_value()) {
        fail(ErrorKind::kUsage, "--limit '{}' is on jumps, which needs episodes; give --episodes",
             to_string(limit));
      }
    }
  }

  void start(const Inputs& inputs, const std::optional<NormStats>& stats) {
    check_limits_before(inputs, stats);
    seconds_.resize(runners_.size());
    if (stats.has_value()) {
      policy_.emplace(names_, *stats, policy_options_from(options_));
      if (inputs.dataset.has_value()) policy_->follow(*inputs.dataset, inputs.frames);
    }
    if (!options_.layers) return;
    std::vector<LayerComparator::Subject> subjects;
    for (size_t i = 0; i < engines_.size(); ++i) {
      if (engines_[i] != nullptr) subjects.push_back({names_[i], engines_[i]->engine()});
    }
    layers_.emplace(std::move(subjects));
    layer_stride_ = std::max<int64_t>(inputs.count / options_.layer_frames, 1);
  }

  void add(const TensorMap& inputs, std::span<const IterationResult> results) {
    for (size_t i = 0; i < results.size(); ++i) seconds_[i].push_back(results[i].runtime);
    if (policy_.has_value()) policy_->add(inputs, results);
    if (layers_.has_value() && iteration_ % layer_stride_ == 0 &&
        iteration_ / layer_stride_ < options_.layer_frames) {
      const auto engine = std::ranges::find_if(
          engines_, [](const EngineRunner* candidate) { return candidate != nullptr; });
      layers_->add(inputs_of(**engine, inputs));
    }
    last_inputs_ = inputs;
    ++iteration_;
  }

  void finish(const Inputs& inputs, const AccuracyResult& accuracy) {
    if (policy_.has_value()) report_.policy = policy_->finish();
    if (layers_.has_value()) report_.layers = layers_->finish();
    report_.outputs = summarise_outputs(accuracy);
    report_.limits = limits_;
    if (!limits_.empty() && !report_.policy.has_value()) {
      fail(ErrorKind::kUsage,
           "--limit '{}' concerns actions, but not all of {} give an output '{}'; name it with "
           "--action-output",
           to_string(limits_.front()), fmt::join(names_, ", "), options_.action_output);
    }
    if (!limits_.empty()) report_.exceeded = check_limits(*report_.policy, limits_);
    // With limits in the robot's units, they decide; tolerances are then for information.
    report_.passed = limits_.empty() ? accuracy.passed() : report_.exceeded.empty();
    describe_runners();
    describe_circumstances(inputs);
  }

  void describe_runners() {
    for (size_t i = 0; i < runners_.size(); ++i) {
      ComparedRunner found = engines_[i] == nullptr ? ComparedRunner{.kind = "recorded outputs"}
                                                    : describe_runner(*engines_[i]);
      found.name = names_[i];
      found.path = options_.models[i];
      const auto file = MappedFile::open(found.path);
      found.file_bytes = static_cast<int64_t>(file->bytes().size());
      found.sha256 = sha256_hex(file->bytes());
      if (engines_[i] != nullptr) {
        found.kind = kind_of_file(found.path) == FileKind::kEngine ? "engine" : "model";
        found.latency = compute_latency(seconds_[i]);
        if (options_.build.threads > 0) found.threads = options_.build.threads;
        if (options_.layers || !options_.report.empty()) {
          found.layer_seconds = profile(*engines_[i]);
        }
        if (!options_.report.empty() && found.device == "cpu") {
          found.peak = peak_on(found.threads);
        }
      }
      report_.runners.push_back(std::move(found));
    }
  }

  /// Measured once for each number of threads.
  MachinePeak peak_on(int threads) {
    const auto [entry, added] = peaks_.try_emplace(threads);
    if (added) {
      const CpuPeak found = measure_cpu_peak(threads);
      entry->second = {found.float32, found.int8, found.bytes};
    }
    return entry->second;
  }

  std::vector<double> profile(EngineRunner& runner) const {
    const TensorMap inputs = inputs_of(runner, last_inputs_);
    std::vector<std::vector<double>> runs;
    for (int i = 0; i < kProfileRuns; ++i) runs.push_back(runner.profile(inputs));
    std::vector<double> medians;
    for (size_t layer = 0; layer < runs.front().size(); ++layer) {
      std::vector<double> times;
      for (const std::vector<double>& run : runs) times.push_back(run[layer]);
      std::ranges::nth_element(times, times.begin() + kProfileRuns / 2);
      medians.push_back(times[kProfileRuns / 2]);
    }
    return medians;
  }

  void describe_circumstances(const Inputs& inputs) {
    const auto add = [&](std::string what, std::string value) {
      report_.circumstances.emplace_back(std::move(what), std::move(value));
    };
    const Processor processor = find_processor();
    add("Tendon", TENDON_VERSION);
    for (const Library& library : find_libraries()) add(std::string(library.name), library.version);
    add("made", utc_now());
    add("processor", fmt::format("{}, {} logical cores, {}", processor.model, processor.cores,
                                 text_of_bytes(static_cast<double>(processor.memory_bytes))));
    add("instruction sets", fmt::format("{}", fmt::join(processor.instruction_sets, ", ")));
    if (inputs.dataset.has_value()) {
      add("episodes",
          fmt::format("{} ({} of them), every {} step(s), {} frames", options_.data.episodes,
                      inputs.dataset->size(), options_.data.stride, inputs.frames.size()));
      add("cameras", fmt::format("{}", fmt::join(inputs.dataset->cameras(), ", ")));
    } else if (!options_.data.inputs.empty()) {
      add("inputs", fmt::format("{}, {} items", options_.data.inputs, inputs.count));
    } else {
      add("inputs", fmt::format("{} random items, seed {}", inputs.count, options_.data.seed));
    }
    if (!options_.data.stats.empty()) {
      add("statistics", options_.data.stats);
      add("SHA-256 of the statistics", sha256_hex(MappedFile::open(options_.data.stats)->bytes()));
    }
  }

  const CompareOptions& options_;
  std::vector<ActionLimit> limits_;
  std::vector<std::string> names_;
  /// Null for recorded outputs; owned by runners_.
  std::vector<EngineRunner*> engines_;
  std::vector<std::unique_ptr<Runner>> runners_;
  std::vector<std::vector<double>> seconds_;
  std::optional<PolicyComparator> policy_;
  std::optional<LayerComparator> layers_;
  int64_t layer_stride_ = 1;
  int64_t iteration_ = 0;
  TensorMap last_inputs_;
  std::map<int, MachinePeak> peaks_;
  ComparisonReport report_;
};

}  // namespace

ComparisonOutcome run_comparison(const CompareOptions& options, const std::string& command) {
  return Comparison(options, command).run();
}

}  // namespace tendon::cli
