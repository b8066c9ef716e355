// The engines side by side: how fast, how large, how wrong.
#include <algorithm>
#include <functional>

#include "base/format.h"
#include "base/units.h"
#include "compare/report/html.h"
#include "compare/report/sections.h"

namespace tendon::report {
namespace {

struct Bar {
  size_t runner;
  double value;  ///< length of the bar; nothing is drawn for 0
  std::string text;
  std::string note;
};

/// Horizontal bars, the longest over the whole width.
std::string bars(const ComparisonReport& report, const std::vector<Bar>& all) {
  double longest = 0;
  for (const Bar& bar : all) longest = std::max(longest, bar.value);
  std::string html = "<dl class=\"bars\">\n";
  for (const Bar& bar : all) {
    const double share = longest > 0 ? 100 * bar.value / longest : 0;
    html += fmt::format(
        "<dt>{}</dt><dd><span class=\"track\"><i class=\"bar {}\" style=\"width:{:.1f}%\"></i>"
        "</span><span class=\"value\"><b>{}</b> {}</span></dd>\n",
        label(report.runners[bar.runner].name), series(bar.runner), share, bar.text, bar.note);
  }
  return html + "</dl>\n";
}

std::string card(std::string_view title, std::string_view note, const std::string& content) {
  return fmt::format("<div class=\"card\">\n<h3>{}</h3>\n<p class=\"note\">{}</p>\n{}</div>\n",
                     title, note, content);
}

std::string speed_card(const ComparisonReport& report) {
  const LatencyStatistics& reference = report.runners.front().latency;
  std::vector<Bar> all;
  for (size_t i = 0; i < report.runners.size(); ++i) {
    const LatencyStatistics& latency = report.runners[i].latency;
    if (latency.count == 0) continue;
    std::string note;
    if (i > 0 && reference.count > 0 && latency.p50 > 0) {
      note = fmt::format("{}× as fast", figure(reference.p50 / latency.p50));
    }
    all.push_back({i, latency.p50, milliseconds(latency.p50), std::move(note)});
  }
  return card("How fast", "median time of one inference", bars(report, all));
}

std::string size_card(const ComparisonReport& report) {
  const double reference = static_cast<double>(report.runners.front().file_bytes);
  std::vector<Bar> all;
  for (size_t i = 0; i < report.runners.size(); ++i) {
    const ComparedRunner& runner = report.runners[i];
    if (runner.kind == "recorded outputs") continue;
    const auto bytes = static_cast<double>(runner.file_bytes);
    const bool comparable = i > 0 && reference > 0 && report.runners.front().weight_bytes > 0;
    all.push_back({i, bytes, text_of_bytes(bytes), comparable ? percent(bytes / reference) : ""});
  }
  return card("How large", "bytes of the file", bars(report, all));
}

std::string error_card(const ComparisonReport& report) {
  if (!report.policy.has_value()) {
    return card("How wrong", "largest difference of an output, in the model's units",
                "<p class=\"none\">Actions were not compared in the robot's units: that needs "
                "<code>--stats</code> and an output of actions.</p>\n");
  }
  std::vector<Bar> all;
  std::string unit;
  for (const ActionComparison& comparison : report.policy->actions) {
    const UnitError& error = comparison.units.front();
    unit = error.unit;
    all.push_back({position_of_runner(report, comparison.tested), error.robot.p99,
                   with_unit(error.robot.p99, error.unit),
                   fmt::format("max {}", figure(error.robot.max))});
  }
  const int64_t joints = report.policy->actions.front().units.front().joints;
  return card("How wrong",
              fmt::format("99 % of the commands of {} joints ({}) lie within", joints, label(unit)),
              bars(report, all));
}

std::string precisions_of(const ComparedRunner& runner) {
  std::map<std::string_view, int64_t> work;
  int64_t total = 0;
  for (const LayerInfo& layer : runner.layers) {
    if (layer.multiply_adds == 0) continue;
    work[name_of(layer.precision)] += layer.multiply_adds;
    total += layer.multiply_adds;
  }
  std::string text;
  for (const auto& [precision, share] : work) {
    text += fmt::format("{}{}&nbsp;{}", text.empty() ? "" : ", ", precision,
                        percent(static_cast<double>(share) / static_cast<double>(total)));
  }
  return text;
}

std::string runner_row(const ComparisonReport& report, size_t i) {
  const ComparedRunner& runner = report.runners[i];
  const LatencyStatistics& t = runner.latency;
  const auto time = [&](double seconds) { return t.count == 0 ? "" : milliseconds(seconds); };
  const bool has_engine = runner.weight_bytes > 0;
  return fmt::format(
      "<tr><th scope=\"row\"><i class=\"swatch {}\"></i>{}</th><td>{}</td><td>{}</td><td>{}</td>"
      "<td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td class=\"text\">{}"
      "</td></tr>\n",
      series(i), label(runner.name), text_of_bytes(static_cast<double>(runner.file_bytes)),
      has_engine ? text_of_bytes(static_cast<double>(runner.weight_bytes)) : "",
      has_engine ? text_of_bytes(static_cast<double>(runner.activation_bytes)) : "", time(t.min),
      time(t.p50), time(t.p90), time(t.p99), time(t.max),
      has_engine ? fmt::format("{}", runner.threads) : "", precisions_of(runner));
}

}  // namespace

std::string engines_section(const ComparisonReport& report) {
  size_t runs = 0;
  for (const ComparedRunner& runner : report.runners) runs = std::max(runs, runner.latency.count);
  std::string rows;
  for (size_t i = 0; i < report.runners.size(); ++i) rows += runner_row(report, i);
  return heading("engines", "Side by side",
                 fmt::format("All run in turns on the same {} inputs of one process; {} is the "
                             "reference.",
                             runs, label(report.runners.front().name))) +
         "<div class=\"cards three\">\n" + speed_card(report) + size_card(report) +
         error_card(report) + "</div>\n<div class=\"engines\">\n" +
         table(
             "<tr><th>engine</th><th>file</th><th>weights</th><th>activations</th><th>min</th>"
             "<th>p50</th><th>p90</th><th>p99</th><th>max</th><th>threads</th>"
             "<th class=\"text\">multiply-adds in</th></tr>",
             rows) +
         "</div>\n";
}

}  // namespace tendon::report
