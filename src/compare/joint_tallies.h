// Running figures of every joint, and of all joints of a unit together.
#pragma once

#include "compare/error_tally.h"

namespace tendon {

/// The joints of a robot: what one normalised unit of each is, and which share a unit.
struct JointScales {
  std::vector<JointInfo> joints;
  std::vector<double> action_std;
  std::vector<UnitError> units;       ///< without figures
  std::vector<size_t> unit_of_joint;  ///< position in `units`

  /// Empty `joints` stand for default_joints(). Throws Error{kUsage} when their number is not that
  /// of the statistics' actions.
  JointScales(const NormStats& stats, std::vector<JointInfo> joints);
};

class JointTallies {
 public:
  explicit JointTallies(std::shared_ptr<const JointScales> scales);
  /// `error` is normalised; place.joint says of which joint.
  void add(float error, const ErrorPlace& place);
  std::vector<JointError> joint_errors() const;
  /// In the joints' units.
  std::vector<ErrorFigures> joint_figures() const;
  std::vector<UnitError> unit_errors() const;
  /// Normalised, over all joints.
  ErrorFigures overall() const;

 private:
  std::shared_ptr<const JointScales> scales_;
  std::vector<ErrorTally> joints_;  ///< normalised
  std::vector<ErrorTally> units_;   ///< in the unit
};

}  // namespace tendon
