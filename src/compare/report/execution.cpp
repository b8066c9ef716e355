// Trajectories as the robot would have executed them.
#include <algorithm>
#include <cmath>

#include "base/format.h"
#include "compare/report/html.h"
#include "compare/report/plot.h"
#include "compare/report/sections.h"

namespace tendon::report {
namespace {

constexpr size_t kMostPoints = 500;

std::string figures_row(const ComparisonReport& report, const ExecutionComparison& c, size_t unit) {
  const auto of = [&](const MotionFigures& motion) { return motion.units[unit].robot; };
  const auto cell = [](const ErrorFigures& figures, double ErrorFigures::*value) {
    return figures.count == 0 ? std::string() : figure(figures.*value);
  };
  return fmt::format(
      "<tr><th scope=\"row\"><i class=\"swatch {}\"></i>{}</th><td class=\"text\">{}</td>"
      "<td class=\"text\">{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td>"
      "<td>{}</td><td>{}</td></tr>\n",
      series(position_of_runner(report, c.runner)), label(c.runner), name_of(c.mode),
      label(c.deviation.units[unit].unit), cell(of(c.deviation), &ErrorFigures::p99),
      cell(of(c.deviation), &ErrorFigures::max), cell(of(c.velocity_deviation), &ErrorFigures::p99),
      cell(of(c.from_recorded), &ErrorFigures::mean), cell(of(c.velocity), &ErrorFigures::max),
      cell(of(c.jerk), &ErrorFigures::rms), cell(of(c.jump), &ErrorFigures::p99),
      cell(of(c.jump), &ErrorFigures::max));
}

std::string execution_table(const ComparisonReport& report) {
  const PolicyComparison& policy = *report.policy;
  std::string rows;
  for (int mode = 0; mode < kExecutionModeCount; ++mode) {
    for (size_t unit = 0; unit < policy.actions.front().units.size(); ++unit) {
      for (const ExecutionComparison& c : policy.execution) {
        if (c.mode == static_cast<ExecutionMode>(mode)) rows += figures_row(report, c, unit);
      }
    }
  }
  return table(
      "<tr><th>engine</th><th class=\"text\">executed as</th><th class=\"text\">unit</th>"
      "<th>deviation p99</th><th>max</th><th>velocity deviation p99</th>"
      "<th>from human, mean</th><th>velocity max</th><th>jerk rms</th>"
      "<th>border jump p99</th><th>max</th></tr>",
      rows);
}

/// One joint's column in the joint's unit; NaN where there is no command.
std::vector<float> column(const PolicyComparison& policy, const Tensor& commands, size_t joint,
                          const std::vector<Trajectory::Origin>* origins, bool difference = false) {
  const size_t joints = policy.joints.size();
  const auto values = commands.data<float>();
  std::vector<float> result;
  for (size_t step = 0; step < values.size() / joints; ++step) {
    const bool covered = origins == nullptr || (*origins)[step] != Trajectory::Origin::kUncovered;
    const float scaled = values[step * joints + joint] * policy.action_std[joint];
    const float offset = difference ? 0 : policy.action_mean[joint];
    result.push_back(covered ? scaled + offset : std::nanf(""));
  }
  return result;
}

struct JointCurves {
  std::vector<Curve> commands;
  std::vector<Curve> deviations;
  double largest = 0;
};

JointCurves curves_of(const ComparisonReport& report, size_t joint, ExecutionMode mode) {
  const PolicyComparison& policy = *report.policy;
  const EpisodeTrajectories& episode = *policy.trajectories;
  JointCurves result;
  const std::vector<float> recorded = column(policy, episode.recorded, joint, nullptr);
  result.commands.push_back({"recorded", thinned(recorded, kMostPoints)});
  std::vector<float> reference;
  for (size_t i = 0; i < episode.runners.size(); ++i) {
    const Trajectory& trajectory = episode.runners[i][static_cast<size_t>(mode)];
    const std::vector<float> own = column(policy, trajectory.commands, joint, &trajectory.origins);
    const std::string css = series(position_of_runner(report, policy.runners[i]));
    result.commands.push_back({css, thinned(own, kMostPoints)});
    if (i == 0) {
      reference = own;
      continue;
    }
    std::vector<float> deviation;
    for (size_t step = 0; step < own.size(); ++step) {
      deviation.push_back(own[step] - reference[step]);
      if (std::isfinite(deviation.back())) {
        result.largest = std::max(result.largest, std::abs(static_cast<double>(deviation.back())));
      }
    }
    result.deviations.push_back({css, thinned_to_peaks(deviation, kMostPoints)});
  }
  return result;
}

std::string joint_plots(const ComparisonReport& report, size_t joint, ExecutionMode mode,
                        double scale) {
  const PolicyComparison& policy = *report.policy;
  const JointInfo& info = policy.joints[joint];
  const JointCurves curves = curves_of(report, joint, mode);
  const Extent extent = extent_of(curves.commands);
  const auto steps = static_cast<double>(policy.trajectories->recorded.shape()[0]);
  return fmt::format(
      "<figure class=\"joint\"><figcaption><b>{}</b><span>within {}</span></figcaption>"
      "<div class=\"plot\"><div class=\"ends\"><span>{}</span><span>{}</span></div>{}"
      "<div class=\"ends\"><span>+{}</span><span>−{}</span></div>{}<div></div>"
      "<div class=\"axis\"><span>0 s</span><span>{} s</span></div></div></figure>\n",
      label(info.name), with_unit(curves.largest, info.unit), figure(extent.high),
      figure(extent.low),
      curves_svg(curves.commands, extent.padded(), "wide",
                 fmt::format("Commands for {} over the episode", info.name)),
      figure(scale), figure(scale),
      curves_svg(curves.deviations, {-scale, scale}, "low",
                 fmt::format("Deviation of {} from the reference", info.name)),
      figure(steps / policy.execution_options.rate));
}

std::string mode_plots(const ComparisonReport& report, ExecutionMode mode) {
  const PolicyComparison& policy = *report.policy;
  std::map<std::string, double> scales;
  for (size_t joint = 0; joint < policy.joints.size(); ++joint) {
    double& scale = scales[policy.joints[joint].unit];
    scale = std::max({scale, curves_of(report, joint, mode).largest, 1e-12});
  }
  std::string html = "<div class=\"small-multiples\">\n";
  for (size_t joint = 0; joint < policy.joints.size(); ++joint) {
    html += joint_plots(report, joint, mode, scales[policy.joints[joint].unit]);
  }
  return html + "</div>\n";
}

std::string query_sentence(const PolicyComparison& policy) {
  std::vector<FrameId> frames = policy.names.frames;
  int64_t widest = 0;
  for (size_t i = 1; i < frames.size(); ++i) {
    if (frames[i].episode == frames[i - 1].episode) {
      widest = std::max(widest, frames[i].step - frames[i - 1].step);
    }
  }
  std::string text;
  if (widest > 1) {
    text = fmt::format(
        "The engines were asked at every {} steps or more often; a robot that "
        "ensembles asks at each one, which <code>--stride 1</code> does",
        widest);
  } else {
    text = "The engines were asked at every step";
  }
  int64_t uncovered = 0;
  for (const ExecutionComparison& c : policy.execution) {
    uncovered = std::max(uncovered, c.uncovered);
  }
  if (uncovered > 0) {
    text += fmt::format("; {} without a prediction left out", count_of(uncovered, "step"));
  }
  return text + ".";
}

}  // namespace

std::string execution_section(const ComparisonReport& report) {
  if (!report.policy.has_value()) return "";
  const PolicyComparison& policy = *report.policy;
  std::string html = heading(
      "execution", "As the robot executes it",
      "The recorded observations answered by each engine and turned into commands in two ways: one "
      "chunk after the other, and temporal ensembling, which averages all predictions of a step "
      "with the weights exp(−decay·i), oldest first. Jerk is in units per s³; a border jump is the "
      "change of the command where a new chunk begins.");
  if (policy.execution.empty() || !policy.trajectories.has_value()) {
    return html +
           "<p class=\"none\">No episodes were given (<code>--episodes</code>), so nothing "
           "could be executed.</p>\n";
  }
  html += fmt::format("<p class=\"note\">{}</p>\n", query_sentence(policy));
  html += execution_table(report);
  const auto episode = static_cast<size_t>(policy.trajectories->episode);
  html += fmt::format(
      "<h3>{}, the episode with the largest deviation</h3>\n<p class=\"note\">Above the commands, "
      "below their deviation from {}; deviations of one unit share a scale</p>\n{}",
      episode < policy.names.episodes.size() ? label(policy.names.episodes[episode]) : "Episode",
      label(policy.runners.front()), legend(report, policy.runners, true));
  html += "<h4>Temporal ensembling</h4>\n" + mode_plots(report, ExecutionMode::kTemporalEnsembling);
  html += "<details><summary>One chunk after the other</summary>\n" +
          mode_plots(report, ExecutionMode::kChunks) + "</details>\n";
  return html;
}

}  // namespace tendon::report
