// AccuracyResult: verdicts of all pairs, and the log of how they came about.
#include <tendon/compare.h>

#include <algorithm>
#include <limits>

#include "api/names.h"
#include "base/log.h"

namespace tendon {
namespace {

using Verdicts = std::map<std::string, OutputComparison>;

std::vector<std::string> names_of(const TensorMap& tensors) {
  std::vector<std::string> names;
  for (const auto& [name, tensor] : tensors) names.push_back(name);
  return names;
}

bool all_passed(const Verdicts& verdicts) {
  return std::all_of(verdicts.begin(), verdicts.end(),
                     [](const auto& entry) { return entry.second.passed; });
}

OutputComparison missing_output(const std::string& name, const std::string& runner,
                                const TensorMap& outputs) {
  OutputComparison result;
  const std::vector<std::string> there = names_of(outputs);
  result.reason = fmt::format("'{}' has no output of this name{} (it has {})", runner,
                              did_you_mean(name, there), quoted_list(there));
  result.figures["missing"] = 1;
  return result;
}

void check_common_outputs(const PairAccuracy& pair, const TensorMap& tested,
                          const TensorMap& reference) {
  for (const auto& [name, tensor] : tested) {
    if (reference.contains(name)) return;
  }
  fail(ErrorKind::kUsage,
       "All outputs were skipped, no common outputs found! '{}' has {}, '{}' has {}; mark outputs "
       "of equal names with modify_network_outputs",
       pair.tested, quoted_list(names_of(tested)), pair.reference,
       quoted_list(names_of(reference)));
}

void check_named_outputs(const CompareFunc& compare, const TensorMap& reference) {
  for (const std::string& name : compare.named_outputs()) {
    if (!reference.contains(name)) {
      const std::vector<std::string> there = names_of(reference);
      fail(ErrorKind::kUsage,
           "a tolerance is set for output '{}', which does not exist{} (outputs "
           "are {})",
           name, did_you_mean(name, there), quoted_list(there));
    }
  }
}

void log_verdict(const std::string& name, const OutputComparison& verdict, Severity severity) {
  const Logger::Indent indent;
  log(severity, "Error Metrics: {}", name);
  {
    const Logger::Indent deeper;
    for (const std::string& line : verdict.details) log(severity, "{}", line);
  }
  log(verdict || severity == Severity::kVerbose ? severity : Severity::kError,
      "{} | Output: '{}' | {}", verdict ? "PASSED" : "FAILED", name, verdict.reason);
}

/// The first iteration and every failure are told in full; the rest on request.
Severity severity_of(bool passed, size_t iteration) {
  return passed && iteration > 0 ? Severity::kVerbose : Severity::kInfo;
}

Verdicts compare_iteration(const PairAccuracy& pair, const TensorMap& tested,
                           const TensorMap& reference, const CompareFunc& compare) {
  Verdicts verdicts;
  for (const auto& [name, expected] : reference) {
    const auto found = tested.find(name);
    verdicts[name] = found == tested.end() ? missing_output(name, pair.tested, tested)
                                           : compare(name, found->second, expected);
  }
  for (const auto& [name, tensor] : tested) {
    if (!reference.contains(name)) {
      verdicts[name] = missing_output(name, pair.reference, reference);
    }
  }
  return verdicts;
}

void log_iteration(const PairAccuracy& pair, const TensorMap& tested, const TensorMap& reference,
                   const Verdicts& verdicts, bool decides) {
  const size_t iteration = pair.iterations.size();
  const Severity severity =
      decides ? severity_of(all_passed(verdicts), iteration) : Severity::kVerbose;
  log(severity, "Accuracy Comparison | {} vs. {} | Iteration: {}", pair.tested, pair.reference,
      iteration);
  for (const auto& [name, verdict] : verdicts) {
    const auto a = tested.find(name);
    const auto b = reference.find(name);
    if (a != tested.end() && b != reference.end() && Logger::global().enabled(severity)) {
      const Logger::Indent indent;
      log(severity, "Comparing Output: '{}' (dtype={}, shape={}) with (dtype={}, shape={})", name,
          a->second.dtype(), a->second.shape(), b->second.dtype(), b->second.shape());
      log(severity, "{}: {} | Stats: {}", pair.tested, name,
          to_string(compute_statistics(a->second)));
      log(severity, "{}: {} | Stats: {}", pair.reference, name,
          to_string(compute_statistics(b->second)));
    }
    log_verdict(name, verdict, severity);
  }
}

std::vector<std::pair<size_t, size_t>> resolve_pairs(const AccuracyOptions& options,
                                                     size_t runners) {
  std::vector<std::pair<size_t, size_t>> pairs = options.comparisons;
  if (pairs.empty()) {
    for (size_t i = 1; i < runners; ++i) pairs.emplace_back(i, 0);
  }
  if (pairs.empty()) {
    fail(ErrorKind::kUsage, "{} runner(s) give nothing to compare; expected at least 2", runners);
  }
  for (const auto& [tested, reference] : pairs) {
    if (tested >= runners || reference >= runners || tested == reference) {
      fail(ErrorKind::kUsage,
           "cannot compare runner {} with runner {}; there are {}, counted from 0", tested,
           reference, runners);
    }
  }
  return pairs;
}

}  // namespace

size_t PairAccuracy::passed_count() const {
  return static_cast<size_t>(std::count_if(iterations.begin(), iterations.end(), all_passed));
}

double PairAccuracy::worst(std::string_view output, std::string_view figure) const {
  double worst = -std::numeric_limits<double>::infinity();
  bool found = false;
  for (const Verdicts& verdicts : iterations) {
    for (const auto& [name, verdict] : verdicts) {
      const auto value = verdict.figures.find(figure);
      if (name != output || value == verdict.figures.end()) continue;
      worst = std::max(worst, value->second);
      found = true;
    }
  }
  if (!found) {
    fail(ErrorKind::kUsage, "no iteration of '{}' has a figure '{}' of output '{}'", tested, figure,
         output);
  }
  return worst;
}

bool AccuracyResult::passed() const {
  return std::all_of(pairs.begin(), pairs.end(), [](const PairAccuracy& pair) {
    return pair.passed_count() == pair.iterations.size();
  });
}

AccuracyResult::Stats AccuracyResult::stats(size_t pair) const {
  if (pair >= pairs.size()) {
    fail(ErrorKind::kUsage, "there is no pair {}; {} pair(s) were compared", pair, pairs.size());
  }
  const size_t passed_iterations = pairs[pair].passed_count();
  const size_t total = pairs[pair].iterations.size();
  return {passed_iterations, total - passed_iterations, total};
}

double AccuracyResult::percentage(size_t pair) const {
  const Stats counts = stats(pair);
  return 100.0 * static_cast<double>(counts.passed) / static_cast<double>(counts.total);
}

AccuracyAccumulator::AccuracyAccumulator(std::vector<std::string> runners, CompareFunc compare,
                                         AccuracyOptions options)
    : compare_(std::move(compare)), options_(std::move(options)), runners_(std::move(runners)) {
  options_.comparisons = resolve_pairs(options_, runners_.size());
  for (const auto& [tested, reference] : options_.comparisons) {
    result_.pairs.push_back({runners_[tested], runners_[reference], {}});
  }
}

bool AccuracyAccumulator::add(std::span<const IterationResult> results) {
  if (results.size() != runners_.size()) {
    fail(ErrorKind::kUsage, "{} results for {} runners; give one for each", results.size(),
         runners_.size());
  }
  if (stopped_) return false;
  for (size_t p = 0; p < result_.pairs.size(); ++p) {
    PairAccuracy& pair = result_.pairs[p];
    const TensorMap& tested = results[options_.comparisons[p].first].outputs;
    const TensorMap& reference = results[options_.comparisons[p].second].outputs;
    check_common_outputs(pair, tested, reference);
    if (pair.iterations.empty()) check_named_outputs(compare_, reference);
    Verdicts verdicts = compare_iteration(pair, tested, reference, compare_);
    log_iteration(pair, tested, reference, verdicts, options_.decides);
    for (auto& [name, verdict] : verdicts) verdict.details.clear();
    stopped_ = stopped_ || (options_.fail_fast && options_.decides && !all_passed(verdicts));
    pair.iterations.push_back(std::move(verdicts));
  }
  return !stopped_;
}

AccuracyResult AccuracyAccumulator::finish() {
  for (size_t p = 0; p < result_.pairs.size(); ++p) {
    const PairAccuracy& pair = result_.pairs[p];
    if (pair.iterations.empty()) {
      fail(ErrorKind::kUsage, "'{}' and '{}' have no iteration to compare", pair.tested,
           pair.reference);
    }
    const AccuracyResult::Stats counts = result_.stats(p);
    log(!options_.decides    ? Severity::kVerbose
        : counts.failed == 0 ? Severity::kFinish
                             : Severity::kError,
        "Accuracy Summary | {} vs. {} | Passed: {}/{} iterations | Pass Rate: {:.1f}%", pair.tested,
        pair.reference, counts.passed, counts.total, result_.percentage(p));
  }
  return std::move(result_);
}

AccuracyResult Comparator::compare_accuracy(const RunResults& results, const CompareFunc& compare,
                                            const AccuracyOptions& options) {
  std::vector<std::string> names;
  for (const RunnerResults& runner : results.runners) names.push_back(runner.runner);
  AccuracyAccumulator accumulator(names, compare, options);
  const size_t iterations = results.runners.front().iterations.size();
  for (const RunnerResults& runner : results.runners) {
    if (runner.iterations.size() != iterations) {
      fail(ErrorKind::kUsage,
           "'{}' has {} iteration(s) but '{}' has {}; compare results of the same inputs",
           runner.runner, runner.iterations.size(), names.front(), iterations);
    }
  }
  for (size_t i = 0; i < iterations; ++i) {
    std::vector<IterationResult> row;
    for (const RunnerResults& runner : results.runners) row.push_back(runner.iterations[i]);
    if (!accumulator.add(row)) break;
  }
  return accumulator.finish();
}

AccuracyResult Comparator::compare_streaming(const std::vector<Runner*>& runners,
                                             const DataSource& source, const CompareFunc& compare,
                                             const RunOptions& run_options,
                                             const AccuracyOptions& options) {
  std::vector<std::string> names;
  for (const Runner* runner : runners) names.push_back(runner == nullptr ? "" : runner->name());
  AccuracyAccumulator accumulator(names, compare, options);
  const auto add = [&](const TensorMap&, std::span<const IterationResult> results) {
    return accumulator.add(results);
  };
  stream(runners, source, add, run_options);
  return accumulator.finish();
}

}  // namespace tendon
