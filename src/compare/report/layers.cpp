// Every layer of every engine: precision, kernel, time, and what is left of the signal.
#include <algorithm>
#include <cmath>

#include "base/format.h"
#include "compare/report/html.h"
#include "compare/report/sections.h"

namespace tendon::report {
namespace {

constexpr size_t kMostRows = 1000;
/// Above this the bars of the chart are all of one length.
constexpr double kFullDecibel = 80;

const LayerComparison* find_comparison(const ComparisonReport& report, const std::string& tested) {
  for (const LayerComparison& comparison : report.layers) {
    if (comparison.tested == tested) return &comparison;
  }
  return nullptr;
}

std::map<std::string_view, const LayerDifference*> by_name(const LayerComparison* comparison) {
  std::map<std::string_view, const LayerDifference*> layers;
  if (comparison == nullptr) return layers;
  for (const LayerDifference& layer : comparison->layers) layers.emplace(layer.name, &layer);
  return layers;
}

bool is_narrow(DataType type) { return size_of(type) == 1 && type != DataType::kBool; }

/// One upright bar a layer, in the order of the run.
std::string snr_chart(const LayerComparison& comparison) {
  constexpr int kHeight = 100;
  std::string wide, narrow;
  double least = kFullDecibel;
  for (size_t i = 0; i < comparison.layers.size(); ++i) {
    const LayerDifference& layer = comparison.layers[i];
    if (std::isnan(layer.snr_db)) continue;
    least = std::min(least, layer.snr_db);
    const double share = std::clamp(layer.snr_db / kFullDecibel, 0.0, 1.0);
    const auto height = std::max<int64_t>(std::lround(kHeight * share), 1);
    (is_narrow(layer.dtype) ? narrow : wide) +=
        fmt::format("M{}.1 {}h.8v-{}h-.8z", i, kHeight, height);
  }
  const size_t count = std::max<size_t>(comparison.layers.size(), 1);
  return fmt::format(
      "<div class=\"plot\"><div class=\"ends\"><span>≥ {:.0f} dB</span><span>0</span></div>"
      "<svg class=\"tall\" viewBox=\"0 0 {} {}\" preserveAspectRatio=\"none\" role=\"img\" "
      "aria-label=\"Signal-to-noise ratio of each layer; the least is {} dB\">"
      "<path class=\"wide-layer\" d=\"{}\"/><path class=\"narrow-layer\" "
      "d=\"{}\"/></svg><div></div>"
      "<div class=\"axis\"><span>first layer</span><span>last</span></div></div>\n"
      "{}",
      kFullDecibel, count, kHeight, fmt::format("{:.1f}", least), wide, narrow,
      narrow.empty() ? ""
                     : "<p class=\"legend\"><span><i class=\"swatch narrow\"></i>8-bit output"
                       "</span><span><i class=\"swatch wide\"></i>wider output</span></p>\n");
}

std::string layer_row(const ComparedRunner& runner, size_t i, double total,
                      const LayerDifference* difference) {
  const LayerInfo& layer = runner.layers[i];
  const bool timed = i < runner.layer_seconds.size();
  const std::string time =
      timed ? fmt::format("<td>{}</td><td>{}</td>", milliseconds(runner.layer_seconds[i]),
                          percent(total > 0 ? runner.layer_seconds[i] / total : 0))
            : "<td></td><td></td>";
  std::string quality = "<td></td><td></td>";
  if (difference != nullptr) {
    quality = fmt::format("<td>{}</td><td>{}</td>",
                          std::isinf(difference->snr_db) && difference->snr_db > 0
                              ? "equal"
                              : fmt::format("{:.1f}", difference->snr_db),
                          difference->saturated ? percent(*difference->saturated) : "");
  }
  return fmt::format(
      "<tr><th scope=\"row\">{}</th><td class=\"text\">{}</td><td class=\"text\">{}</td>"
      "<td class=\"text\">{}</td><td class=\"text\">{}</td><td>{}</td>{}{}</tr>\n",
      label(layer.name), label(layer.type), label(layer.kernel), name_of(layer.precision),
      layer.outputs.empty() ? "" : name_of(layer.outputs.front().dtype),
      figure(static_cast<double>(layer.multiply_adds) * 1e-6), time, quality);
}

std::string runner_layers(const ComparisonReport& report, size_t position) {
  const ComparedRunner& runner = report.runners[position];
  const LayerComparison* comparison = find_comparison(report, runner.name);
  const auto differences = by_name(comparison);
  double total = 0;
  for (const double seconds : runner.layer_seconds) total += seconds;
  std::string rows;
  for (size_t i = 0; i < runner.layers.size() && i < kMostRows; ++i) {
    const auto found = differences.find(runner.layers[i].name);
    rows += layer_row(runner, i, total, found == differences.end() ? nullptr : found->second);
  }
  std::string html =
      fmt::format("<h3><i class=\"swatch {}\"></i>{}</h3>\n", series(position), label(runner.name));
  if (comparison != nullptr && !comparison->layers.empty()) {
    html += fmt::format(
        "<p class=\"note\">Signal-to-noise ratio of each layer's output against {} on {}, "
        "in the order of the run{}</p>\n",
        label(comparison->reference),
        count_of(static_cast<int64_t>(comparison->iterations), "input"),
        comparison->unmatched.empty()
            ? ""
            : fmt::format("; {} without a counterpart",
                          count_of(static_cast<int64_t>(comparison->unmatched.size()), "output")));
    html += snr_chart(*comparison);
  }
  if (runner.layers.size() > kMostRows) {
    html += fmt::format("<p class=\"note\">The first {} of {} layers</p>\n", kMostRows,
                        runner.layers.size());
  }
  return html +
         fmt::format("<details><summary>{}</summary>\n{}</details>\n",
                     count_of(static_cast<int64_t>(runner.layers.size()), "layer"),
                     table("<tr><th>layer</th><th class=\"text\">type</th><th class=\"text\">kernel"
                           "</th><th class=\"text\">precision</th><th class=\"text\">output</th>"
                           "<th>M multiply-adds</th><th>time</th><th>share</th><th>SNR dB</th>"
                           "<th>saturated</th></tr>",
                           rows));
}

}  // namespace

std::string layers_section(const ComparisonReport& report) {
  std::string html = heading("layers", "Layers",
                             "What each engine computes, in which precision, with which kernel and "
                             "how long it takes.");
  if (report.layers.empty()) {
    html +=
        "<p class=\"none\">Layer outputs were not compared; <code>--layers</code> adds the "
        "signal-to-noise ratio and the share of saturated codes of each layer.</p>\n";
  }
  for (size_t i = 0; i < report.runners.size(); ++i) {
    if (!report.runners[i].layers.empty()) html += runner_layers(report, i);
  }
  return html;
}

}  // namespace tendon::report
