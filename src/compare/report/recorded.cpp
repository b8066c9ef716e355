// Errors against what the human did, and at the moments that decide.
#include <algorithm>
#include <utility>

#include "base/format.h"
#include "compare/report/html.h"
#include "compare/report/sections.h"

namespace tendon::report {
namespace {

/// For each joint one dot a runner at its mean distance from the recording.
std::string dot_chart(const ComparisonReport& report) {
  const PolicyComparison& policy = *report.policy;
  std::map<std::string, double> tops;
  for (const ActionComparison& comparison : policy.recorded) {
    for (const JointError& error : comparison.joints) {
      tops[error.joint.unit] = std::max(tops[error.joint.unit], error.robot.mean);
    }
  }
  std::string html = "<div class=\"joints\">\n";
  for (size_t joint = 0; joint < policy.joints.size(); ++joint) {
    const JointInfo& info = policy.joints[joint];
    const double top = tops[info.unit] > 0 ? tops[info.unit] : 1;
    std::string dots, values;
    for (size_t i = policy.recorded.size(); i-- > 0;) {
      const double mean = policy.recorded[i].joints[joint].robot.mean;
      dots += fmt::format("<i class=\"dot {}\" style=\"left:{:.1f}%\"></i>",
                          series(position_of_runner(report, policy.recorded[i].tested)),
                          100 * mean / top);
    }
    for (const ActionComparison& comparison : policy.recorded) {
      values += fmt::format("{}{}", values.empty() ? "" : " · ",
                            figure(comparison.joints[joint].robot.mean));
    }
    html += fmt::format(
        "<div class=\"row\"><div class=\"name\">{}</div><div class=\"dots\">{}</div>"
        "<div class=\"values\"><span>{} <small>{}</small></span></div></div>\n",
        label(info.name), dots, values, label(info.unit));
  }
  return html + "</div>\n";
}

/// The cell with the name of a runner, over `rows` rows.
std::string name_cell(const ComparisonReport& report, const std::string& name, size_t rows) {
  return fmt::format("<th scope=\"rowgroup\" rowspan=\"{}\"><i class=\"swatch {}\"></i>{}</th>",
                     rows, series(position_of_runner(report, name)), label(name));
}

std::string recorded_table(const ComparisonReport& report) {
  std::string rows;
  for (const ActionComparison& comparison : report.policy->recorded) {
    std::string name = name_cell(report, comparison.tested, comparison.units.size());
    for (const UnitError& unit : comparison.units) {
      const ErrorFigures& e = unit.robot;
      rows += fmt::format(
          "<tr>{}<td class=\"text\">{}, {}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}"
          "</td></tr>\n",
          std::exchange(name, ""), label(unit.unit), count_of(unit.joints, "joint"), figure(e.mean),
          figure(e.bias), figure(e.rms), figure(e.p99), figure(e.max));
    }
  }
  return table(
      "<tr><th>engine</th><th class=\"text\">unit</th><th>mean</th><th>bias</th>"
      "<th>rms</th><th>p99</th><th>max</th></tr>",
      rows);
}

std::string phase_rows(const ComparisonReport& report, const ActionComparison& comparison) {
  std::vector<std::string> rows;
  const auto add = [&](std::string_view phase, const std::vector<UnitError>& units) {
    for (const UnitError& unit : units) {
      const ErrorFigures& e = unit.robot;
      if (e.count == 0) continue;
      rows.push_back(fmt::format(
          "<td class=\"text\">{}</td><td class=\"text\">{}</td><td>{}</td><td>{}</td><td>{}</td>"
          "<td>{}</td></tr>\n",
          phase, label(unit.unit), e.count, figure(e.mean), figure(e.p99), figure(e.max)));
    }
  };
  add("all", comparison.units);
  for (const PhaseError& phase : comparison.phases) add(name_of(phase.phase), phase.units);
  std::string html;
  for (const std::string& row : rows) {
    html += "<tr>" + (html.empty() ? name_cell(report, comparison.tested, rows.size()) : "") + row;
  }
  return html;
}

}  // namespace

std::string recorded_section(const ComparisonReport& report) {
  if (!report.policy.has_value()) return "";
  const PolicyComparison& policy = *report.policy;
  std::string html = heading(
      "recorded", "Against what the human did",
      "The recorded actions are the yardstick: an engine that is as far from them as the reference "
      "has lost nothing that matters. Dots show the mean difference of each joint.");
  if (policy.recorded.empty()) {
    return html +
           "<p class=\"none\">No episodes were given (<code>--episodes</code>), so there is "
           "no recording to compare with.</p>\n";
  }
  html += legend(report, policy.runners) + dot_chart(report) + recorded_table(report);
  std::string rows;
  for (const ActionComparison& comparison : policy.actions) rows += phase_rows(report, comparison);
  html += fmt::format(
      "<h3>Where it matters</h3>\n<p class=\"note\">Difference from {} at recorded steps within "
      "0.2 s of a gripper that opens or closes, and at the 5 % of the steps at which the arms move "
      "fastest</p>\n",
      label(policy.runners.front()));
  return html + table(
                    "<tr><th>engine</th><th class=\"text\">steps</th><th class=\"text\">unit</th>"
                    "<th>values</th><th>mean</th><th>p99</th><th>max</th></tr>",
                    rows);
}

}  // namespace tendon::report
