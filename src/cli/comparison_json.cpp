// A comparison as one JSON object.
#include <cmath>

#include "base/format.h"
#include "cli/comparison.h"

namespace tendon::cli {
namespace {

Json json_of(const ErrorFigures& figures) {
  return {{"mean", figures.mean},
          {"bias", figures.bias},
          {"rms", figures.rms},
          {"p99", figures.p99},
          {"max", figures.max},
          {"count", figures.count},
          {"iteration", figures.iteration},
          {"step", figures.step},
          {"joint", figures.joint}};
}

Json json_of(const std::vector<ErrorFigures>& all) {
  Json list = Json::array();
  for (const ErrorFigures& figures : all) list.push_back(json_of(figures));
  return list;
}

Json json_of(const std::vector<JointError>& joints) {
  Json list = Json::array();
  for (const JointError& error : joints) {
    list.push_back({{"joint", error.joint.name},
                    {"unit", error.joint.unit},
                    {"normalized", json_of(error.normalized)},
                    {"robot", json_of(error.robot)}});
  }
  return list;
}

Json json_of(const std::vector<UnitError>& units) {
  Json list = Json::array();
  for (const UnitError& unit : units) {
    list.push_back({{"unit", unit.unit}, {"joints", unit.joints}, {"robot", json_of(unit.robot)}});
  }
  return list;
}

Json json_of(const ActionComparison& comparison) {
  Json phases = Json::array();
  for (const PhaseError& phase : comparison.phases) {
    phases.push_back({{"phase", name_of(phase.phase)},
                      {"overall", json_of(phase.overall)},
                      {"units", json_of(phase.units)},
                      {"joints", json_of(phase.joints)}});
  }
  return {{"tested", comparison.tested},
          {"reference", comparison.reference},
          {"iterations", comparison.iterations},
          {"padded", comparison.padded},
          {"overall", json_of(comparison.overall)},
          {"units", json_of(comparison.units)},
          {"joints", json_of(comparison.joints)},
          {"steps", json_of(comparison.steps)},
          {"cells", json_of(comparison.cells)},
          {"phases", std::move(phases)}};
}

Json json_of(const MotionFigures& motion) {
  return {{"joints", json_of(motion.joints)}, {"units", json_of(motion.units)}};
}

Json json_of(const ExecutionComparison& execution) {
  return {{"runner", execution.runner},
          {"mode", name_of(execution.mode)},
          {"episodes", execution.episodes},
          {"commands", execution.commands},
          {"uncovered", execution.uncovered},
          {"borders", execution.borders},
          {"deviation", json_of(execution.deviation)},
          {"velocity_deviation", json_of(execution.velocity_deviation)},
          {"from_recorded", json_of(execution.from_recorded)},
          {"velocity", json_of(execution.velocity)},
          {"jerk", json_of(execution.jerk)},
          {"jump", json_of(execution.jump)}};
}

Json json_of(const WorstFrame& worst, const PolicyComparison& policy) {
  const JointInfo& joint = policy.joints[static_cast<size_t>(worst.joint)];
  return {{"tested", policy.runners[worst.runner]},
          {"iteration", worst.iteration},
          {"place", policy.names(worst.iteration)},
          {"step", worst.step},
          {"joint", joint.name},
          {"error", worst.error},
          {"unit", joint.unit}};
}

Json json_of(const ActivationHistogram& histogram, const std::vector<std::string>& calibrations) {
  Json cuts = Json::object();
  for (size_t i = 0; i < histogram.cuts.size(); ++i) {
    if (!histogram.cuts[i]) continue;
    cuts[calibrations[i]] = {{"amax", histogram.cuts[i]->amax},
                             {"beyond", histogram.cuts[i]->beyond}};
  }
  return {{"name", histogram.name}, {"range", histogram.range}, {"cuts", std::move(cuts)}};
}

Json frames_of(const IterationNames& names) {
  Json frames = Json::array();
  for (const FrameId& frame : names.frames) {
    frames.push_back({names.episodes[static_cast<size_t>(frame.episode)], frame.step});
  }
  return frames;
}

Json json_of(const ComparedRunner& runner) {
  const LatencyStatistics& latency = runner.latency;
  Json layers = Json::array();
  for (size_t i = 0; i < runner.layers.size(); ++i) {
    const LayerInfo& layer = runner.layers[i];
    layers.push_back({{"name", layer.name},
                      {"type", layer.type},
                      {"kernel", layer.kernel},
                      {"precision", name_of(layer.precision)},
                      {"multiply_adds", layer.multiply_adds},
                      {"weight_bytes", layer.weight_bytes}});
    if (i < runner.layer_seconds.size()) layers.back()["ms"] = runner.layer_seconds[i] * 1e3;
  }
  return {{"name", runner.name},
          {"kind", runner.kind},
          {"path", runner.path},
          {"file_bytes", runner.file_bytes},
          {"sha256", runner.sha256},
          {"device", runner.device},
          {"threads", runner.threads},
          {"weight_bytes", runner.weight_bytes},
          {"activation_bytes", runner.activation_bytes},
          {"latency_ms",
           {{"count", latency.count},
            {"min", latency.min * 1e3},
            {"mean", latency.mean * 1e3},
            {"p50", latency.p50 * 1e3},
            {"p90", latency.p90 * 1e3},
            {"p99", latency.p99 * 1e3},
            {"max", latency.max * 1e3}}},
          {"layers", std::move(layers)}};
}

Json json_of(const LayerComparison& comparison) {
  Json layers = Json::array();
  for (const LayerDifference& layer : comparison.layers) {
    layers.push_back({{"name", layer.name},
                      {"type", layer.type},
                      {"kernel", layer.kernel},
                      {"dtype", name_of(layer.dtype)},
                      {"equal", std::isinf(layer.snr_db) && layer.snr_db > 0},
                      {"snr_db", layer.snr_db},
                      {"cosine", layer.cosine}});
    if (layer.saturated) layers.back()["saturated"] = *layer.saturated;
    if (layer.codes_used) layers.back()["codes_used"] = *layer.codes_used;
  }
  return {{"tested", comparison.tested},
          {"reference", comparison.reference},
          {"iterations", comparison.iterations},
          {"layers", std::move(layers)},
          {"unmatched", comparison.unmatched}};
}

Json outputs_of(const AccuracyResult& accuracy) {
  Json outputs = Json::array();
  for (const PairAccuracy& pair : accuracy.pairs) {
    for (size_t i = 0; i < pair.iterations.size(); ++i) {
      for (const auto& [name, output] : pair.iterations[i]) {
        Json entry{{"tested", pair.tested},   {"reference", pair.reference},
                   {"iteration", i},          {"output", name},
                   {"passed", output.passed}, {"reason", output.reason}};
        for (const auto& [figure, value] : output.figures) entry[figure] = value;
        outputs.push_back(std::move(entry));
      }
    }
  }
  return outputs;
}

Json limits_of(const ComparisonReport& report) {
  Json exceeded = Json::array();
  for (const ExceededLimit& e : report.exceeded) {
    exceeded.push_back({{"tested", e.tested},
                        {"joint", e.joint},
                        {"stat", name_of(e.stat)},
                        {"found", e.found},
                        {"limit", e.limit},
                        {"unit", e.unit}});
  }
  return exceeded;
}

}  // namespace

Json json_from_outcome(const ComparisonOutcome& outcome) {
  const ComparisonReport& report = outcome.report;
  Json result{{"passed", report.passed}, {"command", report.command}};
  Json& circumstances = result["circumstances"] = Json::object();
  for (const auto& [what, value] : report.circumstances) circumstances[what] = value;
  for (const ComparedRunner& runner : report.runners) result["runners"].push_back(json_of(runner));
  result["limits"] = Json::array();
  for (const ActionLimit& limit : report.limits) result["limits"].push_back(to_string(limit));
  result["limits_exceeded"] = limits_of(report);
  if (report.policy.has_value()) {
    const PolicyComparison& policy = *report.policy;
    for (const ActionComparison& c : policy.actions) result["actions"].push_back(json_of(c));
    for (const ActionComparison& c : policy.recorded) result["recorded"].push_back(json_of(c));
    for (const ExecutionComparison& c : policy.execution) result["execution"].push_back(json_of(c));
    for (const WorstFrame& worst : policy.worst_frames) {
      result["worst_frames"].push_back(json_of(worst, policy));
    }
    result["frames"] = frames_of(policy.names);
  }
  for (const LayerComparison& c : report.layers) result["layers"].push_back(json_of(c));
  for (const ActivationHistogram& histogram : report.histograms) {
    result["histograms"].push_back(json_of(histogram, report.calibrations));
  }
  result["outputs"] = outputs_of(outcome.accuracy);
  return result;
}

}  // namespace tendon::cli
