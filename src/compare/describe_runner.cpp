// What a report says of each runner and each output.
#include <tendon/report.h>

namespace tendon {

ComparedRunner describe_runner(const EngineRunner& runner) {
  const Engine& engine = runner.engine();
  ComparedRunner described;
  described.name = runner.name();
  described.kind = "engine";
  described.device = engine.device();
  described.threads = engine.threads();
  described.weight_bytes = engine.weight_bytes();
  described.activation_bytes = engine.activation_bytes();
  described.layers = engine.layers();
  described.metadata = engine.metadata();
  return described;
}

std::vector<OutputSummary> summarise_outputs(const AccuracyResult& accuracy) {
  std::vector<OutputSummary> outputs;
  for (const PairAccuracy& pair : accuracy.pairs) {
    if (pair.iterations.empty()) continue;
    for (const auto& [name, first] : pair.iterations.front()) {
      OutputSummary summary{pair.tested, name, {}, {}, 0, pair.iterations.size()};
      if (first.figures.contains("max_absdiff")) {
        summary.max_abs = pair.worst(name, "max_absdiff");
        summary.mean_abs = pair.worst(name, "mean_absdiff");
      }
      for (const auto& iteration : pair.iterations) {
        const auto found = iteration.find(name);
        summary.passed += found != iteration.end() && found->second.passed ? 1 : 0;
      }
      outputs.push_back(std::move(summary));
    }
  }
  return outputs;
}

}  // namespace tendon
