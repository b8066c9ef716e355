// RunResults: what several runners gave for the same inputs.
#pragma once

#include <tendon/tensor.h>

#include <string>
#include <string_view>
#include <vector>

namespace tendon {

/// One inference of one runner.
struct IterationResult {
  TensorMap outputs;
  double runtime = 0;  ///< seconds
};

/// Times of one runner, in seconds. Percentiles are interpolated between neighbours.
struct LatencyStatistics {
  size_t count = 0;
  double total = 0;
  double mean = 0;
  double min = 0;
  double p50 = 0;
  double p90 = 0;
  double p99 = 0;
  double max = 0;
};
LatencyStatistics compute_latency(std::vector<double> seconds);
/// "Completed 8 iteration(s) in 812 ms | Inference time: p50 101.2 ms, p90 …, mean 101.5 ms"
std::string to_string(const LatencyStatistics& latency);

struct RunnerResults {
  std::string runner;
  std::vector<IterationResult> iterations;

  LatencyStatistics latency() const;
  /// The outputs alone, for a ReplayRunner.
  std::vector<TensorMap> outputs() const;
};

class RunResults {
 public:
  /// In the order in which the runners were given.
  std::vector<RunnerResults> runners;

  /// Throws Error{kUsage} naming the runners there are.
  const RunnerResults& operator[](std::string_view runner) const;

  /// .json: Polygraphy's form. .npz: members "<r>/name" (UTF-8 as uint8), "<r>/runtimes" (float64)
  /// and "<r>/<iteration>/<output>". Arrays in either form are .npy data; nothing is unpickled.
  /// Throws Error{kBadInput} naming the file and the place.
  static RunResults load(const std::string& path);
  /// Written whole or not at all. Throws Error{kUsage} for another ending.
  void save(const std::string& path) const;
};

}  // namespace tendon
