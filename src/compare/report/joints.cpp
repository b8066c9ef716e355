// Errors of the actions by joint and by step of the chunk.
#include <algorithm>

#include "base/format.h"
#include "compare/report/html.h"
#include "compare/report/plot.h"
#include "compare/report/sections.h"

namespace tendon::report {
namespace {

/// The largest value of a figure by unit, over all tested runners.
class Tops {
 public:
  Tops(const PolicyComparison& policy, double ErrorFigures::*value) {
    for (const ActionComparison& comparison : policy.actions) {
      for (size_t i = 0; i < comparison.cells.size(); ++i) {
        double& top = tops_[policy.joints[i % policy.joints.size()].unit];
        top = std::max(top, comparison.cells[i].*value);
      }
    }
  }
  double of(const std::string& unit) const {
    const auto found = tops_.find(unit);
    return found == tops_.end() ? 0 : found->second;
  }

 private:
  std::map<std::string, double> tops_;
};

bool exceeds(const ComparisonReport& report, const std::string& tested, const std::string& joint) {
  return std::ranges::any_of(report.exceeded, [&](const ExceededLimit& e) {
    return e.tested == tested && e.joint == joint;
  });
}

/// For each joint a bar to the p99 of each runner and a tick at its maximum.
std::string joint_chart(const ComparisonReport& report) {
  const PolicyComparison& policy = *report.policy;
  std::map<std::string, double> tops;
  for (const ActionComparison& comparison : policy.actions) {
    for (const JointError& error : comparison.joints) {
      double& top = tops[error.joint.unit];
      top = std::max(top, error.robot.max);
    }
  }
  std::string html = "<div class=\"joints\">\n";
  for (size_t joint = 0; joint < policy.joints.size(); ++joint) {
    const JointInfo& info = policy.joints[joint];
    std::string tracks, values;
    for (const ActionComparison& comparison : policy.actions) {
      const ErrorFigures& figures = comparison.joints[joint].robot;
      const double top = tops[info.unit] > 0 ? tops[info.unit] : 1;
      const bool exceeded = exceeds(report, comparison.tested, info.name);
      tracks += fmt::format(
          "<span class=\"track\"><i class=\"bar {}\" style=\"width:{:.1f}%\"></i>"
          "<i class=\"tick\" style=\"left:{:.1f}%\"></i></span>",
          series(position_of_runner(report, comparison.tested)), 100 * figures.p99 / top,
          100 * figures.max / top);
      values +=
          fmt::format("<span{}>{} <small>max {}</small></span>", exceeded ? " class=\"over\"" : "",
                      figure(figures.p99), with_unit(figures.max, info.unit));
    }
    html += fmt::format(
        "<div class=\"row\"><div class=\"name\">{}</div><div class=\"tracks\">{}</div>"
        "<div class=\"values\">{}</div></div>\n",
        label(info.name), tracks, values);
  }
  return html + "</div>\n";
}

std::string heat_legend(const PolicyComparison& policy, const Tops& tops) {
  std::string html;
  for (const UnitError& error : policy.actions.front().units) {
    html += fmt::format("<div class=\"heatlegend\"><span>{}</span>", label(error.unit));
    for (int level = 0; level < kHeatLevels; ++level) {
      const double edge = tops.of(error.unit) / static_cast<double>(1 << (kHeatLevels - 1 - level));
      html += fmt::format("<span><i class=\"h{}\"></i>≤&nbsp;{}</span>", level, figure(edge));
    }
    html += "</div>\n";
  }
  return html;
}

std::string heat_map(const ComparisonReport& report, const ActionComparison& comparison,
                     const Tops& tops) {
  const PolicyComparison& policy = *report.policy;
  std::string rows;
  for (size_t joint = 0; joint < policy.joints.size(); ++joint) {
    const JointInfo& info = policy.joints[joint];
    std::vector<int> levels;
    for (int64_t step = 0; step < policy.chunk_steps; ++step) {
      const ErrorFigures& cell = comparison.cell(step, static_cast<int64_t>(joint));
      levels.push_back(cell.count == 0 ? kNoHeat : heat_level(cell.p99, tops.of(info.unit)));
    }
    rows += fmt::format("<div class=\"name\">{}</div>{}\n", label(info.name),
                        heat_svg(levels, fmt::format("{}: 99th percentile of the error at each "
                                                     "chunk step",
                                                     info.name)));
  }
  return fmt::format(
      "<figure class=\"heatmap\">\n<figcaption><i class=\"swatch {}\"></i>{}</figcaption>\n"
      "<div class=\"rows\">\n{}<div></div><div class=\"axis\"><span>chunk step 0</span>"
      "<span>{}</span></div>\n</div>\n</figure>\n",
      series(position_of_runner(report, comparison.tested)), label(comparison.tested), rows,
      policy.chunk_steps - 1);
}

/// p99 over all joints, step by step, in standard deviations.
std::string step_chart(const ComparisonReport& report) {
  const PolicyComparison& policy = *report.policy;
  std::vector<Curve> curves;
  std::vector<std::string> names;
  Extent extent;
  for (const ActionComparison& comparison : policy.actions) {
    Curve curve{series(position_of_runner(report, comparison.tested)), {}};
    for (const ErrorFigures& step : comparison.steps) {
      curve.values.push_back(static_cast<float>(step.p99));
    }
    extent.include(curve.values);
    curves.push_back(std::move(curve));
    names.push_back(comparison.tested);
  }
  return fmt::format(
      "<h3>By step of the chunk</h3>\n<p class=\"note\">99th percentile over all joints, in "
      "standard deviations of the training actions</p>\n{}<div class=\"plot\"><div class=\"ends\">"
      "<span>{}</span><span>0</span></div>{}<div></div><div class=\"axis\"><span>step 0</span>"
      "<span>{}</span></div></div>\n",
      legend(report, names), figure(extent.high),
      curves_svg(curves, {0, 1.04 * std::max(extent.high, 1e-30)}, "tall",
                 "99th percentile of the error by step of the chunk"),
      policy.chunk_steps - 1);
}

std::string joint_table(const ComparisonReport& report, const ActionComparison& comparison) {
  const PolicyComparison& policy = *report.policy;
  std::string rows;
  for (const JointError& error : comparison.joints) {
    const ErrorFigures& e = error.robot;
    rows += fmt::format(
        "<tr><th scope=\"row\">{}</th><td class=\"text\">{}</td><td>{}</td><td>{}</td><td>{}</td>"
        "<td>{}</td><td>{}</td><td>{}</td><td class=\"text\">{}, chunk step {}</td></tr>\n",
        label(error.joint.name), label(error.joint.unit), figure(e.mean), figure(e.bias),
        figure(e.rms), figure(e.p99), figure(e.max), figure(error.normalized.max),
        label(policy.names(e.iteration)), e.step);
  }
  return fmt::format(
      "<details><summary>All figures of {}</summary>\n{}</details>\n", label(comparison.tested),
      table("<tr><th>joint</th><th class=\"text\">unit</th><th>mean</th><th>bias</th><th>rms</th>"
            "<th>p99</th><th>max</th><th>max in std</th><th class=\"text\">worst at</th></tr>",
            rows));
}

}  // namespace

std::string joints_section(const ComparisonReport& report) {
  if (!report.policy.has_value()) return "";
  const PolicyComparison& policy = *report.policy;
  std::vector<std::string> names;
  int64_t padded = 0;
  for (const ActionComparison& comparison : policy.actions) {
    names.push_back(comparison.tested);
    padded = comparison.padded;
  }
  std::string html = heading(
      "joints", "Errors by joint",
      fmt::format("Difference of the predicted actions from those of {}, over {} inputs and all "
                  "{} steps of each chunk{}. Bars end at the 99th percentile, ticks mark the "
                  "maximum; each unit has a scale of its own.",
                  label(policy.runners.front()), policy.iterations, policy.chunk_steps,
                  padded > 0 ? ", without those after the end of an episode" : ""));
  html += legend(report, names) + joint_chart(report);
  for (const ActionComparison& comparison : policy.actions) {
    html += joint_table(report, comparison);
  }
  const Tops tops(policy, &ErrorFigures::p99);
  html +=
      "<h3>By joint and step of the chunk</h3>\n<p class=\"note\">99th percentile over all "
      "inputs; each colour stands for twice the error of the one before</p>\n";
  html += heat_legend(policy, tops) + "<div class=\"heatmaps\">\n";
  for (const ActionComparison& comparison : policy.actions) {
    html += heat_map(report, comparison, tops);
  }
  return html + "</div>\n" + step_chart(report);
}

}  // namespace tendon::report
