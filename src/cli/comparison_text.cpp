// A comparison as tables for a terminal.
#include <algorithm>

#include "base/format.h"
#include "base/text_table.h"
#include "base/units.h"
#include "cli/comparison.h"

namespace tendon::cli {
namespace {

using enum TextTable::Align;

constexpr size_t kWorstLayers = 10;

std::string number(double value) { return fmt::format("{:.3g}", value); }
std::string milliseconds(double seconds) { return fmt::format("{:.2f}", seconds * 1e3); }
std::string bytes(double value) { return text_of_bytes(value); }

std::string section(std::string_view title, const TextTable& table) {
  return fmt::format("\n{}\n\n{}", title, table.to_string());
}

std::string runner_table(const std::vector<ComparedRunner>& runners) {
  TextTable table({{"runner"},
                   {"file", kRight},
                   {"weights", kRight},
                   {"activations", kRight},
                   {"min ms", kRight},
                   {"p50 ms", kRight},
                   {"p90 ms", kRight},
                   {"p99 ms", kRight},
                   {"max ms", kRight}});
  for (const ComparedRunner& runner : runners) {
    const std::string file = bytes(static_cast<double>(runner.file_bytes));
    const LatencyStatistics& latency = runner.latency;
    if (latency.count == 0) {
      table.add_row({runner.name, file, "", "", "", "", "", "", ""});
      continue;
    }
    table.add_row({runner.name, file, bytes(static_cast<double>(runner.weight_bytes)),
                   bytes(static_cast<double>(runner.activation_bytes)), milliseconds(latency.min),
                   milliseconds(latency.p50), milliseconds(latency.p90), milliseconds(latency.p99),
                   milliseconds(latency.max)});
  }
  return section("How fast, how large", table);
}

std::string recorded_table(const PolicyComparison& policy) {
  TextTable table({{"runner"},
                   {"unit"},
                   {"joints", kRight},
                   {"mean", kRight},
                   {"bias", kRight},
                   {"p99", kRight},
                   {"max", kRight}});
  for (const ActionComparison& comparison : policy.recorded) {
    for (const UnitError& unit : comparison.units) {
      table.add_row({comparison.tested, unit.unit, fmt::format("{}", unit.joints),
                     number(unit.robot.mean), number(unit.robot.bias), number(unit.robot.p99),
                     number(unit.robot.max)});
    }
  }
  return section("Against the recorded actions", table);
}

std::string phase_table(const PolicyComparison& policy) {
  TextTable table({{"runner"},
                   {"steps of the recording"},
                   {"unit"},
                   {"values", kRight},
                   {"mean", kRight},
                   {"p99", kRight},
                   {"max", kRight}});
  const auto add = [&](const std::string& tested, std::string_view phase, const UnitError& unit) {
    table.add_row({tested, std::string(phase), unit.unit, fmt::format("{}", unit.robot.count),
                   number(unit.robot.mean), number(unit.robot.p99), number(unit.robot.max)});
  };
  for (const ActionComparison& comparison : policy.actions) {
    for (const UnitError& unit : comparison.units) add(comparison.tested, "all", unit);
    for (const PhaseError& phase : comparison.phases) {
      for (const UnitError& unit : phase.units) add(comparison.tested, name_of(phase.phase), unit);
    }
  }
  return section(fmt::format("Where it matters, against {}", policy.runners.front()), table);
}

std::string execution_table(const PolicyComparison& policy) {
  TextTable table({{"runner"},
                   {"executed as"},
                   {"unit"},
                   {"deviation p99", kRight},
                   {"max", kRight},
                   {"from recorded, mean", kRight},
                   {"velocity max", kRight},
                   {"jerk rms", kRight},
                   {"border jump p99", kRight},
                   {"max", kRight}});
  for (const ExecutionComparison& c : policy.execution) {
    for (size_t unit = 0; unit < c.deviation.units.size(); ++unit) {
      const auto figures = [&](const MotionFigures& motion) { return motion.units[unit].robot; };
      const ErrorFigures deviation = figures(c.deviation), jump = figures(c.jump);
      table.add_row({c.runner, std::string(name_of(c.mode)), c.deviation.units[unit].unit,
                     deviation.count == 0 ? "" : number(deviation.p99),
                     deviation.count == 0 ? "" : number(deviation.max),
                     number(figures(c.from_recorded).mean), number(figures(c.velocity).max),
                     number(figures(c.jerk).rms), jump.count == 0 ? "" : number(jump.p99),
                     jump.count == 0 ? "" : number(jump.max)});
    }
  }
  return section(fmt::format("Executed over whole episodes, against {}", policy.runners.front()),
                 table);
}

std::string layer_table(const LayerComparison& comparison) {
  std::vector<LayerDifference> layers = comparison.layers;
  std::stable_sort(layers.begin(), layers.end(),
                   [](const auto& a, const auto& b) { return a.snr_db < b.snr_db; });
  if (layers.size() > kWorstLayers) layers.resize(kWorstLayers);
  TextTable table({{"layer"},
                   {"type"},
                   {"output"},
                   {"SNR dB", kRight},
                   {"cosine", kRight},
                   {"saturated", kRight}});
  for (const LayerDifference& layer : layers) {
    table.add_row({layer.name, layer.type, std::string(name_of(layer.dtype)),
                   fmt::format("{:.1f}", layer.snr_db), fmt::format("{:.6f}", layer.cosine),
                   layer.saturated ? fmt::format("{:.3f} %", 100 * *layer.saturated) : ""});
  }
  return section(
      fmt::format("Layers of {} against {}: the {} with the least signal-to-noise ratio of {} "
                  "compared on {} frame(s); {} have no counterpart",
                  comparison.tested, comparison.reference, layers.size(), comparison.layers.size(),
                  comparison.iterations, comparison.unmatched.size()),
      table);
}

std::string output_table(const ComparisonReport& report) {
  TextTable table(
      {{"tested"}, {"output"}, {"max abs", kRight}, {"mean abs", kRight}, {"passed", kRight}});
  for (const OutputSummary& output : report.outputs) {
    table.add_row({output.tested, output.output, output.max_abs ? number(*output.max_abs) : "",
                   output.mean_abs ? number(*output.mean_abs) : "",
                   fmt::format("{} of {}", output.passed, output.total)});
  }
  return section(
      fmt::format("Outputs against {}, in the model's units", report.runners.front().name), table);
}

}  // namespace

std::string text_from_report(const ComparisonReport& report) {
  std::string text;
  if (report.policy.has_value()) {
    const PolicyComparison& policy = *report.policy;
    for (const ActionComparison& comparison : policy.actions) {
      text += fmt::format("{}Actions of {} against {}, {} frames\n\n{}", text.empty() ? "" : "\n",
                          comparison.tested, comparison.reference, comparison.iterations,
                          to_table(comparison, policy.names));
    }
    if (!policy.recorded.empty()) text += recorded_table(policy) + phase_table(policy);
    if (!policy.execution.empty()) text += execution_table(policy);
  }
  for (const LayerComparison& comparison : report.layers) text += layer_table(comparison);
  text += output_table(report) + runner_table(report.runners);
  for (const ExceededLimit& exceeded : report.exceeded) {
    text += fmt::format("LIMIT EXCEEDED: {}\n", to_string(exceeded));
  }
  return text;
}

}  // namespace tendon::cli
