#include "compare/joint_tallies.h"

#include <algorithm>

#include "base/format.h"

namespace tendon {
namespace {

constexpr size_t kExact = 16384;

}  // namespace

JointScales::JointScales(const NormStats& stats, std::vector<JointInfo> given)
    : joints(given.empty() ? default_joints(stats.action_count()) : std::move(given)),
      action_std(stats.action_std.begin(), stats.action_std.end()) {
  if (joints.size() != action_std.size() || joints.empty()) {
    fail(ErrorKind::kUsage,
         "compare_actions: {} joint names for the {} actions of the statistics; give one for each",
         joints.size(), action_std.size());
  }
  for (const JointInfo& joint : joints) {
    auto found = std::ranges::find(units, joint.unit, &UnitError::unit);
    if (found == units.end()) found = units.insert(units.end(), {joint.unit, 0, {}});
    ++found->joints;
    unit_of_joint.push_back(static_cast<size_t>(found - units.begin()));
  }
}

JointTallies::JointTallies(std::shared_ptr<const JointScales> scales)
    : scales_(std::move(scales)),
      joints_(scales_->joints.size(), ErrorTally(kExact)),
      units_(scales_->units.size(), ErrorTally(kExact)) {}

void JointTallies::add(float error, const ErrorPlace& place) {
  const auto joint = static_cast<size_t>(place.joint);
  joints_[joint].add(error, place);
  const double scaled = static_cast<double>(error) * scales_->action_std[joint];
  units_[scales_->unit_of_joint[joint]].add(static_cast<float>(scaled), place);
}

std::vector<JointError> JointTallies::joint_errors() const {
  std::vector<JointError> errors;
  for (size_t i = 0; i < joints_.size(); ++i) {
    errors.push_back(
        {scales_->joints[i], joints_[i].figures(), joints_[i].figures(scales_->action_std[i])});
  }
  return errors;
}

std::vector<ErrorFigures> JointTallies::joint_figures() const {
  std::vector<ErrorFigures> figures;
  for (size_t i = 0; i < joints_.size(); ++i) {
    figures.push_back(joints_[i].figures(scales_->action_std[i]));
  }
  return figures;
}

std::vector<UnitError> JointTallies::unit_errors() const {
  std::vector<UnitError> errors = scales_->units;
  for (size_t i = 0; i < errors.size(); ++i) errors[i].robot = units_[i].figures();
  return errors;
}

ErrorFigures JointTallies::overall() const {
  ErrorTally all;
  for (const ErrorTally& tally : joints_) all.merge(tally);
  return all.figures();
}

}  // namespace tendon
