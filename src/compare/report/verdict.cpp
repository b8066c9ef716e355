// The top of the page: the verdict.
#include "base/format.h"
#include "compare/report/html.h"
#include "compare/report/sections.h"

namespace tendon::report {
namespace {

constexpr size_t kMostExceeded = 4;

std::string speed_sentence(const ComparedRunner& tested, const ComparedRunner& reference) {
  std::string text;
  if (tested.latency.count > 0 && reference.latency.count > 0 && tested.latency.p50 > 0) {
    text += fmt::format("<b>{}×</b> as fast ({} against {}, median)",
                        figure(reference.latency.p50 / tested.latency.p50),
                        milliseconds(tested.latency.p50), milliseconds(reference.latency.p50));
  }
  if (tested.weight_bytes > 0 && reference.weight_bytes > 0) {
    text += fmt::format("{}<b>{}</b> of the file size", text.empty() ? "" : ", ",
                        percent(static_cast<double>(tested.file_bytes) /
                                static_cast<double>(reference.file_bytes)));
  }
  return text.empty() ? text : text + ". ";
}

std::string error_sentence(const PolicyComparison& policy, const ActionComparison& comparison) {
  const UnitError& unit = comparison.units.front();
  const ErrorFigures& worst = unit.robot;
  const auto joint = static_cast<size_t>(worst.joint);
  return fmt::format(
      "99&nbsp;% of its commands lie within <b>{}</b>, all within <b>{}</b> ({}, {}, chunk step "
      "{}).",
      with_unit(worst.p99, unit.unit), with_unit(worst.max, unit.unit),
      label(policy.joints[joint].name), label(policy.names(worst.iteration)), worst.step);
}

std::string recorded_sentence(const PolicyComparison& policy, const ActionComparison& comparison) {
  for (size_t i = 1; i < policy.recorded.size(); ++i) {
    if (policy.recorded[i].tested != comparison.tested) continue;
    const UnitError& own = policy.recorded[i].units.front();
    const UnitError& reference = policy.recorded.front().units.front();
    return fmt::format(" Its mean distance from what the human did is {}; that of {} is {}.",
                       with_unit(own.robot.mean, own.unit), label(policy.runners.front()),
                       with_unit(reference.robot.mean, reference.unit));
  }
  return "";
}

/// What a runner exceeds, at most kMostExceeded of it.
std::string exceeded_sentence(const ComparisonReport& report, const std::string& tested) {
  std::string text;
  size_t count = 0;
  for (const ExceededLimit& e : report.exceeded) {
    if (e.tested != tested || ++count > kMostExceeded) continue;
    text += fmt::format("{}{} {} {} (limit {})", text.empty() ? "" : ", ", label(e.joint),
                        name_of(e.stat), figure(e.found), figure(e.limit));
  }
  if (count > kMostExceeded) text += fmt::format(" and {} more", count - kMostExceeded);
  return text;
}

std::string badge(const ComparisonReport& report, const std::string& exceeded) {
  if (report.limits.empty()) return "";
  return exceeded.empty() ? "<span class=\"badge good\">within limits</span>"
                          : "<span class=\"badge bad\">outside limits</span>";
}

std::string item_on(const ComparisonReport& report, const ComparedRunner& tested) {
  std::string text = speed_sentence(tested, report.runners.front());
  if (report.policy.has_value()) {
    for (const ActionComparison& comparison : report.policy->actions) {
      if (comparison.tested != tested.name) continue;
      text += error_sentence(*report.policy, comparison) +
              recorded_sentence(*report.policy, comparison);
    }
  }
  const std::string exceeded = exceeded_sentence(report, tested.name);
  return fmt::format(
      "<li>\n<p class=\"who\"><i class=\"swatch {}\"></i><b>{}</b>{}</p>\n<p>{}</p>\n{}</li>\n",
      series(position_of_runner(report, tested.name)), label(tested.name), badge(report, exceeded),
      text,
      exceeded.empty() ? "" : fmt::format("<p class=\"over\">Over the limit: {}.</p>\n", exceeded));
}

std::string title_of(const ComparisonReport& report) {
  if (!report.limits.empty()) {
    return report.passed ? "Within the limits" : "Outside the limits";
  }
  return report.passed ? "Equal within the tolerances" : "Not equal within the tolerances";
}

std::string reason_of(const ComparisonReport& report) {
  if (report.limits.empty()) {
    return "No limits in the robot's units were given (<code>--limit</code>), so the tolerances on "
           "the outputs decide.";
  }
  std::string limits;
  for (const ActionLimit& limit : report.limits) {
    limits += fmt::format("{}<code>{}</code>", limits.empty() ? "" : " ", label(to_string(limit)));
  }
  return fmt::format("Largest differences allowed from {}: {}", label(report.runners.front().name),
                     limits);
}

}  // namespace

std::string verdict_section(const ComparisonReport& report) {
  std::string items;
  for (size_t i = 1; i < report.runners.size(); ++i) items += item_on(report, report.runners[i]);
  return fmt::format(
      "<section class=\"verdict {}\">\n<div class=\"seal\" aria-hidden=\"true\">{}</div>\n"
      "<div>\n<h2>{}</h2>\n<p class=\"why\">{}</p>\n<ul class=\"summary\">\n{}</ul>\n</div>\n"
      "</section>\n",
      report.passed ? "passed" : "failed", report.passed ? "✓" : "✕", title_of(report),
      reason_of(report), items);
}

}  // namespace tendon::report
