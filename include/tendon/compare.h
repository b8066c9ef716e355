// Comparator: runs several runners on the same inputs and compares what they give.
#pragma once

#include <tendon/compare_func.h>
#include <tendon/data_loader.h>
#include <tendon/run_results.h>
#include <tendon/runner.h>

#include <functional>
#include <map>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace tendon {

struct RunOptions {
  /// Runs of the first input before anything is timed, for each runner.
  int warm_up = 0;
  /// Files to write, whole or not at all. An .npz grows iteration by iteration, so that memory
  /// stays bounded; run() also takes .json, Polygraphy's form.
  std::string save_inputs_path = {};
  std::string save_outputs_path = {};
};

struct AccuracyOptions {
  /// Pairs of (tested, reference) as positions among the runners; empty: each with the first.
  std::vector<std::pair<size_t, size_t>> comparisons = {};
  /// Stops at the first iteration that fails.
  bool fail_fast = false;
  /// False where something else passes judgement, such as limits on joints: what fails is then no
  /// error in the log but a detail, and nothing stops.
  bool decides = true;
};

/// Verdicts of all iterations for one pair of runners.
struct PairAccuracy {
  std::string tested;
  std::string reference;
  /// By output name, one map an iteration.
  std::vector<std::map<std::string, OutputComparison>> iterations;

  /// Iterations in which every output passed.
  size_t passed_count() const;
  /// The largest value of a figure over all iterations, such as max_absdiff of "action". Throws
  /// Error{kUsage} when no iteration has it.
  double worst(std::string_view output, std::string_view figure) const;
};

/// A value whose truth is "every output of every iteration passed".
class AccuracyResult {
 public:
  std::vector<PairAccuracy> pairs;

  bool passed() const;
  explicit operator bool() const { return passed(); }
  /// Percent of the pair's iterations that passed, 0 to 100.
  double percentage(size_t pair = 0) const;
  struct Stats {
    size_t passed = 0;
    size_t failed = 0;
    size_t total = 0;
  };
  Stats stats(size_t pair = 0) const;
};

struct ValidateOptions {
  bool check_nan = true;
  bool check_inf = true;
};

/// A value whose truth is "nothing found".
struct ValidationResult {
  /// "runner 'a', iteration 3, output 'action': 2 NaN, first at (0, 5, 3)"
  std::vector<std::string> problems;
  explicit operator bool() const { return problems.empty(); }
};

class Comparator {
 public:
  Comparator() = delete;

  /// Called after each iteration with its inputs and one result for each runner, which may be
  /// kept. Returns false to stop.
  using OnIteration =
      std::function<bool(const TensorMap& inputs, std::span<const IterationResult> results)>;

  /// Activates all runners (those that are not active already), gives every input to each in turn,
  /// another one beginning each time, and hands the results on; nothing is kept. Inputs that a
  /// runner does not know are left out for it, with one warning. Logs each runner's latency
  /// percentiles. Throws Error{kUsage} when there is no runner, when one is given twice, and when
  /// the source yields nothing.
  static void stream(const std::vector<Runner*>& runners, const DataSource& source,
                     const OnIteration& on_iteration, const RunOptions& options = {});

  /// stream() that keeps the results.
  static RunResults run(const std::vector<Runner*>& runners, const DataSource& source,
                        const RunOptions& options = {});

  /// An output that only one side has is a failure. Throws Error{kUsage} when a pair has no output
  /// in common, unequal numbers of iterations, or no iteration at all.
  static AccuracyResult compare_accuracy(const RunResults& results,
                                         const CompareFunc& compare = CompareFunc::simple(),
                                         const AccuracyOptions& options = {});
  /// run() and compare_accuracy() that hold the outputs of one iteration only.
  static AccuracyResult compare_streaming(const std::vector<Runner*>& runners,
                                          const DataSource& source,
                                          const CompareFunc& compare = CompareFunc::simple(),
                                          const RunOptions& run_options = {},
                                          const AccuracyOptions& options = {});

  /// Looks for NaN and Inf, each counted under its own name.
  static ValidationResult validate(const RunResults& results, const ValidateOptions& options = {});
};

/// Compares iteration by iteration, for callers of Comparator::stream.
class AccuracyAccumulator {
 public:
  AccuracyAccumulator(std::vector<std::string> runners, CompareFunc compare,
                      AccuracyOptions options = {});
  /// One result for each runner. Returns false once fail_fast has met a failure.
  bool add(std::span<const IterationResult> results);
  /// Logs the summary. Throws Error{kUsage} when nothing was added.
  AccuracyResult finish();

 private:
  CompareFunc compare_;
  AccuracyOptions options_;
  std::vector<std::string> runners_;
  AccuracyResult result_;
  bool stopped_ = false;
};

}  // namespace tendon
