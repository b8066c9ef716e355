#include "cli/calibrate_report.h"

#include <tendon/compare_actions.h>

#include <algorithm>

#include "base/log.h"
#include "base/text_table.h"
#include "data/coverage.h"

namespace tendon::cli {
namespace {

/// Enough to know a camera's mean brightness to a percent or so.
constexpr int64_t kBrightnessFrames = 32;
/// Below this a sample leaves out much of what the robot does.
constexpr double kSmallShare = 0.8;
/// Below this a camera shows nothing.
constexpr double kBlack = 0.004;
constexpr double kBrightnessOff = 0.05;

using enum TextTable::Align;

void report_joints(const Observations& data, CoverageReport& report) {
  const auto joints = default_joints(data.dataset().joint_count());
  const auto coverage = joint_coverage(data.dataset(), data.frames());
  TextTable table({{"joint"},
                   {"sample", kRight},
                   {"", kRight},
                   {"all", kRight},
                   {"", kRight},
                   {"covered", kRight}});
  std::vector<std::string> still;
  std::vector<std::string> small;
  for (size_t i = 0; i < coverage.size(); ++i) {
    const JointCoverage& joint = coverage[i];
    const std::string& name = joints[i].name;
    table.add_row({name, fmt::format("{:.3f}", joint.sample_min),
                   fmt::format("{:.3f}", joint.sample_max), fmt::format("{:.3f}", joint.all_min),
                   fmt::format("{:.3f}", joint.all_max),
                   fmt::format("{:.1f} %", 100 * joint.share())});
    report.json["joints"].push_back({{"name", name},
                                     {"sample", {joint.sample_min, joint.sample_max}},
                                     {"all", {joint.all_min, joint.all_max}},
                                     {"share", joint.share()}});
    if (joint.is_constant() && data.frames().size() > 1) {
      still.push_back(name);
    } else if (joint.share() < kSmallShare) {
      small.push_back(name);
    }
  }
  report.text += table.to_string();
  if (!still.empty()) {
    log_warning("These joints stand still in all frames, but may move on the robot: {}",
                fmt::join(still, ", "));
  }
  if (!small.empty()) {
    log_warning(
        "The frames cover less than {:.0f} % of the range of {}; take more frames, or --sampling "
        "coverage",
        100 * kSmallShare, fmt::join(small, ", "));
  }
}

void report_cameras(const Observations& data, const Calibration& calibration,
                    CoverageReport& report) {
  const auto& cameras = data.dataset().cameras();
  const auto image = calibration.ranges().find("image");
  if (image == calibration.ranges().end() || image->second.channel_mean.size() != cameras.size()) {
    return;
  }
  const std::vector<double> all = camera_brightness(data.dataset(), kBrightnessFrames);
  TextTable table({{"camera"}, {"sample", kRight}, {"all", kRight}});
  for (size_t i = 0; i < cameras.size(); ++i) {
    const double sample = image->second.channel_mean[i];
    table.add_row({cameras[i], fmt::format("{:.3f}", sample), fmt::format("{:.3f}", all[i])});
    report.json["cameras"].push_back(
        {{"name", cameras[i]}, {"sample_brightness", sample}, {"all_brightness", all[i]}});
    if (sample < kBlack) {
      log_warning("Camera {} is black in all frames; is its lens covered or its cable loose?",
                  cameras[i]);
    } else if (std::abs(sample - all[i]) > kBrightnessOff) {
      log_warning(
          "Camera {} has a mean brightness of {:.3f} in the sample and {:.3f} in all frames",
          cameras[i], sample, all[i]);
    }
  }
  report.text += "\n" + table.to_string();
}

}  // namespace

CoverageReport coverage_report(const Observations& data, const Calibration& calibration) {
  CoverageReport report;
  report_joints(data, report);
  report_cameras(data, calibration, report);
  return report;
}

Json json_from_calibration_result(const Calibration& calibration, const std::string& path) {
  const CalibrationInfo& info = calibration.info();
  Json ranges = Json::object();
  for (const auto& [name, range] : calibration.ranges()) {
    ranges[name] = {{"amax", range.amax}, {"min", range.min}, {"max", range.max}};
  }
  Json bad = Json::array();
  for (const BadFrame& frame : info.bad_frames) {
    bad.push_back({{"place", frame.place}, {"reason", frame.reason}});
  }
  return {{"cache", path},
          {"algorithm", name_of(info.range.algorithm)},
          {"frames", info.frames},
          {"held_out_frames", info.held_out_frames},
          {"random", info.random},
          {"shard", info.shard},
          {"bad_frames", std::move(bad)},
          {"model_sha256", info.model_sha256},
          {"data_sha256", info.data_sha256},
          {"ranges", std::move(ranges)}};
}

std::string text_from_calibration_result(const Calibration& calibration, const std::string& path) {
  const CalibrationInfo& info = calibration.info();
  if (!info.shard.empty()) {
    return fmt::format(
        "{}: part {} with {} frames; put the parts together with tendon calibrate merge\n", path,
        info.shard, info.frames);
  }
  std::string text =
      fmt::format("{}: {} values by {}, from {} frames", path, calibration.ranges().size(),
                  name_of(info.range.algorithm), info.frames);
  if (info.held_out_frames > 0)
    text += fmt::format(", {} of them for judging", info.held_out_frames);
  if (!info.random.empty()) text += fmt::format(", baseline {}", info.random);
  text += "\n";
  for (const BadFrame& frame : info.bad_frames) {
    text += fmt::format("left out: {}: {}\n", frame.place, frame.reason);
  }
  return text;
}

}  // namespace tendon::cli
