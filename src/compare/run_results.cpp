// RunResults: access by runner, latency percentiles, choice of the file form.
#include <tendon/run_results.h>

#include <algorithm>

#include "api/names.h"
#include "api/tensor_maps.h"
#include "base/format.h"
#include "compare/results_file.h"
#include "compare/statistics.h"

namespace tendon {

LatencyStatistics compute_latency(std::vector<double> seconds) {
  LatencyStatistics result;
  result.count = seconds.size();
  if (seconds.empty()) return result;
  for (const double value : seconds) result.total += value;
  result.mean = result.total / static_cast<double>(seconds.size());
  std::sort(seconds.begin(), seconds.end());
  result.min = seconds.front();
  result.p50 = quantile_of_sorted(seconds, 0.50);
  result.p90 = quantile_of_sorted(seconds, 0.90);
  result.p99 = quantile_of_sorted(seconds, 0.99);
  result.max = seconds.back();
  return result;
}

std::string to_string(const LatencyStatistics& latency) {
  return fmt::format(
      "Completed {} iteration(s) in {:.4g} ms | Inference time: p50 {:.4g} ms, p90 {:.4g} ms, p99 "
      "{:.4g} ms, max {:.4g} ms, average {:.4g} ms",
      latency.count, latency.total * 1e3, latency.p50 * 1e3, latency.p90 * 1e3, latency.p99 * 1e3,
      latency.max * 1e3, latency.mean * 1e3);
}

LatencyStatistics RunnerResults::latency() const {
  std::vector<double> seconds;
  for (const IterationResult& iteration : iterations) seconds.push_back(iteration.runtime);
  return compute_latency(std::move(seconds));
}

std::vector<TensorMap> RunnerResults::outputs() const {
  std::vector<TensorMap> maps;
  for (const IterationResult& iteration : iterations) maps.push_back(iteration.outputs);
  return maps;
}

const RunnerResults& RunResults::operator[](std::string_view runner) const {
  std::vector<std::string> names;
  for (const RunnerResults& results : runners) {
    if (results.runner == runner) return results;
    names.push_back(results.runner);
  }
  fail(ErrorKind::kUsage, "these results hold no runner '{}'{} (runners are {})", runner,
       did_you_mean(runner, names), quoted_list(names));
}

RunResults RunResults::load(const std::string& path) {
  return is_npz_path(path) ? results_from_npz(path) : results_from_json(path);
}

void RunResults::save(const std::string& path) const {
  if (is_npz_path(path)) {
    ResultsWriter writer(path);
    for (size_t r = 0; r < runners.size(); ++r) {
      for (const IterationResult& iteration : runners[r].iterations) writer.add(r, iteration);
    }
    std::vector<std::string> names;
    for (const RunnerResults& results : runners) names.push_back(results.runner);
    writer.finish(names);
  } else {
    save_results_as_json(*this, path);
  }
}

}  // namespace tendon
