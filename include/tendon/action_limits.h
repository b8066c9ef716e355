// Limits on how far a joint may be from the reference.
#pragma once

#include <tendon/comparison.h>

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tendon {

enum class LimitStat {
  kMax,
  kMean,
  kRms,
  kP99,
  kJump,  ///< the largest change at a chunk border, as a multiple of the reference's
};
/// "max", "mean", "rms", "p99", "jump"
std::string_view name_of(LimitStat stat);

struct ActionLimit {
  std::string joint;  ///< "*" stands for every joint without a limit of its own on the same figure
  LimitStat stat = LimitStat::kMax;
  double value = 0;  ///< in the joint's unit; at least 0
};
/// From "left_elbow=0.01" (the maximum) or "*:p99=0.002". Throws Error{kUsage} for another form.
ActionLimit action_limit_from_text(std::string_view text);
std::string to_string(const ActionLimit& limit);

/// Throws Error{kUsage} naming the joints there are when a limit is of another one.
void check_limit_names(std::span<const ActionLimit> limits, std::span<const JointInfo> joints);

struct ExceededLimit {
  std::string tested;
  std::string joint;
  std::string unit;
  LimitStat stat = LimitStat::kMax;
  double found = 0;
  double limit = 0;
};
/// "int8.engine: max of left_elbow is 0.012 rad, limit 0.01"
std::string to_string(const ExceededLimit& exceeded);

/// Every joint of every tested runner against the limits. Of two limits on the same figure of a
/// joint the later one counts. Throws Error{kUsage} for a joint that does not exist, and for kJump
/// when nothing was executed.
std::vector<ExceededLimit> check_limits(const PolicyComparison& policy,
                                        std::span<const ActionLimit> limits);

}  // namespace tendon
