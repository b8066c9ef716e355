// Comparator: runs runners side by side on one stream of inputs.
#include <tendon/compare.h>

#include <algorithm>
#include <memory>

#include "api/tensor_maps.h"
#include "base/log.h"
#include "compare/results_file.h"
#include "compare/statistics.h"

namespace tendon {
namespace {

void check_runners(const std::vector<Runner*>& runners) {
  if (runners.empty())
    fail(ErrorKind::kUsage, "Comparator: no runner was given; give at least one");
  for (size_t i = 0; i < runners.size(); ++i) {
    const auto end = runners.begin() + static_cast<int64_t>(i);
    if (runners[i] == nullptr || std::find(runners.begin(), end, runners[i]) != end) {
      fail(ErrorKind::kUsage, "Comparator: runner {} is {}; give every runner once", i,
           runners[i] == nullptr ? "null" : "given twice");
    }
  }
}

/// What generated inputs must look like: the needs of the first runner that has any.
std::vector<TensorInfo> input_metadata_of(const std::vector<Runner*>& runners) {
  for (const Runner* runner : runners) {
    if (!runner->is_replay()) return runner->get_input_metadata();
  }
  return {};
}

/// The inputs that a runner knows. `kept` holds them when some had to be left out.
const TensorMap& inputs_for(const Runner& runner, const TensorMap& inputs, TensorMap& kept) {
  if (runner.is_replay()) return inputs;
  const std::vector<TensorInfo>& known = runner.get_input_metadata();
  for (const auto& [name, tensor] : inputs) {
    if (find(known, name) == nullptr) {
      Logger::global().log_once(
          Severity::kWarning, fmt::format("{} | Has no input '{}'; it is left out for this runner",
                                          runner.name(), name));
    } else {
      kept[name] = tensor;
    }
  }
  return kept.size() == inputs.size() ? inputs : kept;
}

void warm_up(const std::vector<Runner*>& runners, const TensorMap& inputs, int count) {
  for (Runner* runner : runners) {
    if (runner->is_replay()) continue;
    TensorMap kept;
    const TensorMap& own = inputs_for(*runner, inputs, kept);
    for (int i = 0; i < count; ++i) runner->infer_view(own);
    log_verbose("{} | Finished {} warm-up run(s)", runner->name(), count);
  }
}

std::string npz_path(const std::string& path) {
  if (!path.empty() && !is_npz_path(path)) {
    fail(ErrorKind::kUsage, "'{}': results of a stream are saved as .npz only", path);
  }
  return path;
}

/// Files that grow while a stream runs.
class StreamWriter {
 public:
  explicit StreamWriter(const RunOptions& options) {
    if (!npz_path(options.save_inputs_path).empty()) {
      inputs_ = std::make_unique<ZipWriter>(options.save_inputs_path);
    }
    if (!npz_path(options.save_outputs_path).empty()) {
      outputs_ = std::make_unique<ResultsWriter>(options.save_outputs_path);
    }
  }
  void add(const TensorMap& inputs, std::span<const IterationResult> results) {
    if (inputs_) add_npz_members(*inputs_, fmt::format("{}/", iterations_), inputs);
    for (size_t r = 0; outputs_ && r < results.size(); ++r) outputs_->add(r, results[r]);
    ++iterations_;
  }
  void finish(const std::vector<Runner*>& runners) {
    std::vector<std::string> names;
    for (const Runner* runner : runners) names.push_back(runner->name());
    if (inputs_) inputs_->commit();
    if (outputs_) outputs_->finish(names);
  }

 private:
  std::unique_ptr<ZipWriter> inputs_;
  std::unique_ptr<ResultsWriter> outputs_;
  size_t iterations_ = 0;
};

void log_latencies(const std::vector<Runner*>& runners, std::vector<std::vector<double>> seconds) {
  for (size_t r = 0; r < runners.size(); ++r) {
    if (runners[r]->is_replay()) continue;
    log(Severity::kFinish, "{} | {}", runners[r]->name(), to_string(compute_latency(seconds[r])));
  }
}

std::string take_json_path(std::string& path) {
  return path.empty() || is_npz_path(path) ? std::string() : std::exchange(path, std::string());
}

}  // namespace

void Comparator::stream(const std::vector<Runner*>& runners, const DataSource& source,
                        const OnIteration& on_iteration, const RunOptions& options) {
  check_runners(runners);
  if (options.warm_up < 0) {
    fail(ErrorKind::kUsage, "Comparator: .warm_up is {}; expected 0 or more", options.warm_up);
  }
  StreamWriter writer(options);
  std::vector<std::unique_ptr<Runner::Scope>> scopes;
  for (Runner* runner : runners) {
    if (runner->is_active()) continue;
    log(Severity::kStart, "{} | Activating and starting inference", runner->name());
    scopes.push_back(std::make_unique<Runner::Scope>(*runner));
  }
  const DataSource::Next next = source.start(input_metadata_of(runners));
  std::vector<std::vector<double>> seconds(runners.size());
  std::vector<IterationResult> results(runners.size());
  size_t iteration = 0;
  while (const std::optional<TensorMap> inputs = next()) {
    if (iteration == 0) warm_up(runners, *inputs, options.warm_up);
    // Another runner begins each time: whoever follows the reading of inputs finds colder caches.
    for (size_t turn = 0; turn < runners.size(); ++turn) {
      const size_t r = (turn + iteration) % runners.size();
      TensorMap kept;
      results[r].outputs = runners[r]->infer(inputs_for(*runners[r], *inputs, kept));
      results[r].runtime = runners[r]->last_inference_time();
      seconds[r].push_back(results[r].runtime);
    }
    ++iteration;
    writer.add(*inputs, results);
    if (!on_iteration(*inputs, results)) break;
  }
  if (iteration == 0) {
    fail(ErrorKind::kUsage,
         "Comparator: the data source yielded no inputs; possible reasons: a DataLoader with 0 "
         "iterations, an empty file, or a range that was consumed before");
  }
  writer.finish(runners);
  log_latencies(runners, std::move(seconds));
}

RunResults Comparator::run(const std::vector<Runner*>& runners, const DataSource& source,
                           const RunOptions& options) {
  RunOptions streamed = options;
  const std::string json_inputs = take_json_path(streamed.save_inputs_path);
  const std::string json_outputs = take_json_path(streamed.save_outputs_path);
  RunResults results;
  std::vector<TensorMap> all_inputs;
  check_runners(runners);
  for (const Runner* runner : runners) results.runners.push_back({runner->name(), {}});
  const auto keep = [&](const TensorMap& inputs, std::span<const IterationResult> iteration) {
    for (size_t r = 0; r < iteration.size(); ++r) {
      results.runners[r].iterations.push_back(iteration[r]);
    }
    if (!json_inputs.empty()) all_inputs.push_back(inputs);
    return true;
  };
  stream(runners, source, keep, streamed);
  if (!json_inputs.empty()) save_tensor_maps(all_inputs, json_inputs);
  if (!json_outputs.empty()) results.save(json_outputs);
  return results;
}

ValidationResult Comparator::validate(const RunResults& results, const ValidateOptions& options) {
  ValidationResult result;
  for (const RunnerResults& runner : results.runners) {
    for (size_t i = 0; i < runner.iterations.size(); ++i) {
      for (const auto& [name, tensor] : runner.iterations[i].outputs) {
        NonFinite found = find_non_finite(to_doubles(tensor), tensor.shape());
        if (!options.check_nan) found.nan_count = 0;
        if (!options.check_inf) found.inf_count = 0;
        if (!found.any()) continue;
        result.problems.push_back(fmt::format("runner '{}', iteration {}, output '{}': {}",
                                              runner.runner, i, name, to_string(found)));
        log_error("FAILED | {}", result.problems.back());
      }
    }
  }
  if (result)
    log_info("PASSED | Output validation: no {} found",
             options.check_nan ? (options.check_inf ? "NaN or Inf" : "NaN") : "Inf");
  return result;
}

}  // namespace tendon
