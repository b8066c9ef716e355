// ComparisonReport: everything that a comparison found, and the page that shows it.
#pragma once

#include <tendon/action_limits.h>
#include <tendon/compare.h>
#include <tendon/compare_layers.h>
#include <tendon/comparison.h>

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace tendon {

/// What a processor can do at most a second: operations in float32 and of 8-bit products, 2 a
/// multiply-add, and bytes from memory.
struct MachinePeak {
  double float32 = 0;
  double int8 = 0;
  double bytes = 0;
};

/// One of the things compared.
struct ComparedRunner {
  std::string name;
  std::string kind;  ///< "engine", "model" or "recorded outputs"
  std::string path;
  int64_t file_bytes = 0;
  std::string sha256;  ///< of the file
  LatencyStatistics latency;
  // Recorded outputs have none of what follows.
  std::string device;
  int threads = 0;
  size_t weight_bytes = 0;
  size_t activation_bytes = 0;
  std::vector<LayerInfo> layers;
  std::vector<double> layer_seconds;  ///< of each layer, or empty
  /// Of the threads that it ran on, measured; nothing on a device but the CPU.
  std::optional<MachinePeak> peak;
  std::map<std::string, std::string> metadata;
};
/// What an active runner says of its engine; the rest stays empty.
ComparedRunner describe_runner(const EngineRunner& runner);

/// How one output of a tested runner was over all iterations.
struct OutputSummary {
  std::string tested;
  std::string output;
  std::optional<double> max_abs, mean_abs;
  size_t passed = 0;
  size_t total = 0;
};
std::vector<OutputSummary> summarise_outputs(const AccuracyResult& accuracy);

/// How the values of one tensor were spread over the calibration frames, and where each
/// calibration cuts them off.
struct ActivationHistogram {
  std::string name;
  double range = 0;            ///< upper end of the bins, which start at 0
  std::vector<double> counts;  ///< of |x| in bins of equal width
  struct Cut {
    double amax = 0;
    double beyond = 0;  ///< share of the counted values above amax
  };
  /// By calibration; nothing where one has no range for the tensor.
  std::vector<std::optional<Cut>> cuts;
};

/// Histograms of the first calibration with the ranges that it and the others chose, by name of the
/// tensor. Each path is what `tendon calibrate` wrote: a cache with its .json beside it, or that
/// file. Throws Error{kBadInput} for one that is damaged or holds scales alone.
std::vector<ActivationHistogram> histograms_from_calibrations(
    const std::vector<std::string>& paths);

struct ComparisonReport {
  bool passed = true;
  /// The first one is the reference.
  std::vector<ComparedRunner> runners;
  std::optional<PolicyComparison> policy;
  std::vector<ActionLimit> limits;
  std::vector<ExceededLimit> exceeded;
  std::vector<OutputSummary> outputs;
  std::vector<LayerComparison> layers;
  /// What histograms' cuts are of, in their order.
  std::vector<std::string> calibrations;
  std::vector<ActivationHistogram> histograms;
  /// The call that made it.
  std::string command;
  /// What else one needs to repeat it: versions, machine, data; in order.
  std::vector<std::pair<std::string, std::string>> circumstances;
};

/// One HTML page that needs nothing else: no script, no network.
std::string html_from_report(const ComparisonReport& report);
/// Writes it whole or not at all.
void save_report(const ComparisonReport& report, const std::string& path);

}  // namespace tendon
