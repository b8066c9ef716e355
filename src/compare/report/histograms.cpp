// Histograms of activations with the ranges that each calibration chose.
#include <algorithm>
#include <cmath>

#include "base/format.h"
#include "compare/report/html.h"
#include "compare/report/sections.h"

namespace tendon::report {
namespace {

constexpr size_t kShownAtOnce = 12;
constexpr size_t kMost = 400;

double largest_beyond(const ActivationHistogram& histogram) {
  double largest = 0;
  for (const auto& cut : histogram.cuts) largest = std::max(largest, cut ? cut->beyond : 0);
  return largest;
}

/// Bars on a logarithmic scale from one value up, and an upright line at each amax that lies
/// within.
std::string histogram_svg(const ActivationHistogram& histogram) {
  constexpr int kHeight = 100;
  const double most = *std::ranges::max_element(histogram.counts);
  std::string bars;
  for (size_t bin = 0; bin < histogram.counts.size(); ++bin) {
    if (histogram.counts[bin] <= 0) continue;
    const double share = std::log1p(histogram.counts[bin]) / std::log1p(most);
    bars += fmt::format("M{} {}h1v-{}h-1z", bin, kHeight,
                        std::max<int64_t>(std::lround(kHeight * share), 1));
  }
  std::string cuts;
  const auto bins = static_cast<double>(histogram.counts.size());
  for (size_t i = 0; i < histogram.cuts.size(); ++i) {
    if (!histogram.cuts[i] || histogram.cuts[i]->amax > histogram.range) continue;
    cuts += fmt::format("<path class=\"cut {}\" d=\"M{:.2f} 0v{}\"/>", series(i + 1),
                        bins * histogram.cuts[i]->amax / histogram.range, kHeight);
  }
  return fmt::format(
      "<svg class=\"wide\" viewBox=\"0 0 {} {}\" preserveAspectRatio=\"none\" role=\"img\" "
      "aria-label=\"Histogram of the magnitudes of {}\"><path class=\"bin\" d=\"{}\"/>{}</svg>",
      histogram.counts.size(), kHeight, label(histogram.name), bars, cuts);
}

std::string card_of(const ActivationHistogram& histogram) {
  std::string cuts;
  for (size_t i = 0; i < histogram.cuts.size(); ++i) {
    if (!histogram.cuts[i]) continue;
    cuts += fmt::format("<li><i class=\"swatch {}\"></i>±{}, {} beyond</li>", series(i + 1),
                        figure(histogram.cuts[i]->amax), percent(histogram.cuts[i]->beyond));
  }
  return fmt::format(
      "<figure class=\"joint\"><figcaption><b>{}</b></figcaption><div class=\"plain\">{}"
      "<div class=\"axis\"><span>0</span><span>{}</span></div></div><ul class=\"cuts\">{}</ul>"
      "</figure>\n",
      label(histogram.name), histogram_svg(histogram), figure(histogram.range), cuts);
}

}  // namespace

std::string histograms_section(const ComparisonReport& report) {
  std::string html = heading(
      "histograms", "Ranges of the activations",
      "How often each magnitude occurred on the calibration frames (logarithmic), and where each "
      "calibration cuts it off: what lies beyond is clipped. Those that are cut most come first.");
  if (report.histograms.empty()) {
    return html +
           "<p class=\"none\">No calibration was given; <code>--calibration "
           "policy.cache</code> shows its histograms and ranges.</p>\n";
  }
  html += "<p class=\"legend\">";
  for (size_t i = 0; i < report.calibrations.size(); ++i) {
    html += fmt::format("<span><i class=\"swatch {}\"></i>{}</span>", series(i + 1),
                        label(report.calibrations[i]));
  }
  html += "</p>\n";
  std::vector<const ActivationHistogram*> order;
  for (const ActivationHistogram& histogram : report.histograms) {
    if (!histogram.counts.empty() && histogram.range > 0) order.push_back(&histogram);
  }
  std::stable_sort(order.begin(), order.end(), [](const auto* a, const auto* b) {
    return largest_beyond(*a) > largest_beyond(*b);
  });
  std::string shown, hidden;
  for (size_t i = 0; i < order.size() && i < kMost; ++i) {
    (i < kShownAtOnce ? shown : hidden) += card_of(*order[i]);
  }
  html += "<div class=\"small-multiples\">\n" + shown + "</div>\n";
  if (hidden.empty()) return html;
  return html + fmt::format(
                    "<details><summary>{} more</summary>\n<div class=\"small-multiples\">\n{}</div>"
                    "\n</details>\n",
                    std::min(order.size(), kMost) - kShownAtOnce, hidden);
}

}  // namespace tendon::report
