// The worst frames as pictures, with the chunk that each engine predicted there.
#include <algorithm>
#include <cmath>

#include "base/base64.h"
#include "base/format.h"
#include "compare/report/html.h"
#include "compare/report/plot.h"
#include "compare/report/sections.h"

namespace tendon::report {
namespace {

std::string pictures_of(const WorstFrame& frame) {
  if (frame.pictures.empty()) return "";
  std::string html = "<div class=\"pictures\">\n";
  for (const Picture& picture : frame.pictures) {
    html += fmt::format(
        "<figure><img src=\"data:image/jpeg;base64,{}\" width=\"{}\" height=\"{}\" alt=\"Camera "
        "{}\"><figcaption>{}</figcaption></figure>\n",
        base64_from_bytes(picture.jpeg), picture.width, picture.height, label(picture.camera),
        label(picture.camera));
  }
  return html + "</div>\n";
}

std::string card_of(const ComparisonReport& report, const WorstFrame& frame) {
  const PolicyComparison& policy = *report.policy;
  const JointInfo& joint = policy.joints[static_cast<size_t>(frame.joint)];
  const std::string& tested = policy.runners[frame.runner];
  std::vector<Curve> curves;
  if (!frame.recorded.empty()) {
    Curve recorded{"recorded", frame.recorded};
    recorded.values.resize(static_cast<size_t>(policy.chunk_steps), std::nanf(""));
    curves.push_back(std::move(recorded));
  }
  for (size_t i = 0; i < frame.chunks.size(); ++i) {
    curves.push_back({series(position_of_runner(report, policy.runners[i])), frame.chunks[i]});
  }
  const Extent extent = extent_of(curves);
  std::vector<Curve> deviations;
  Extent largest;
  for (size_t i = 1; i < frame.chunks.size(); ++i) {
    Curve deviation{series(position_of_runner(report, policy.runners[i])), {}};
    for (size_t step = 0; step < frame.chunks[i].size(); ++step) {
      deviation.values.push_back(frame.chunks[i][step] - frame.chunks[0][step]);
    }
    largest.include(deviation.values);
    deviations.push_back(std::move(deviation));
  }
  const double scale = std::max({largest.high, -largest.low, 1e-12});
  const double last = static_cast<double>(std::max<int64_t>(policy.chunk_steps - 1, 1));
  const double marker = static_cast<double>(frame.step) / last;
  return fmt::format(
      "<article class=\"card frame\">\n<h3><i class=\"swatch {}\"></i>{}: {}</h3>\n"
      "<p class=\"note\">{} at chunk step {}, predicted at {}</p>\n{}"
      "<div class=\"plot\"><div class=\"ends\"><span>{}</span><span>{}</span></div>{}"
      "<div class=\"ends\"><span>+{}</span><span>−{}</span></div>{}<div></div>"
      "<div class=\"axis\"><span>step 0</span><span>{}</span></div></div>\n</article>\n",
      series(position_of_runner(report, tested)), label(tested), with_unit(frame.error, joint.unit),
      label(joint.name), frame.step, label(policy.names(frame.iteration)), pictures_of(frame),
      figure(extent.high), figure(extent.low),
      curves_svg(curves, extent.padded(), "wide",
                 fmt::format("Predictions for {} from this frame on", joint.name), marker),
      figure(scale), figure(scale),
      curves_svg(deviations, {-scale, scale}, "low",
                 fmt::format("Deviation of {} from the reference", joint.name), marker),
      policy.chunk_steps - 1);
}

}  // namespace

std::string frames_section(const ComparisonReport& report) {
  if (!report.policy.has_value()) return "";
  const PolicyComparison& policy = *report.policy;
  std::string html = heading(
      "frames", "The worst frames",
      fmt::format(
          "The inputs at which each engine is furthest from {}, at different moments. The plots "
          "show what is predicted for the joint concerned, and below how far that is from the "
          "reference; the upright line marks the step.",
          label(policy.runners.front())));
  if (policy.worst_frames.empty()) {
    return html + "<p class=\"none\">No action of any engine differs from the reference.</p>\n";
  }
  html += legend(report, policy.runners, !policy.recorded.empty()) + "<div class=\"cards\">\n";
  for (const WorstFrame& frame : policy.worst_frames) html += card_of(report, frame);
  return html + "</div>\n";
}

}  // namespace tendon::report
