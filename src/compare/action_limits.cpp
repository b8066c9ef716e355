// Reads limits and holds the figures of a comparison against them.
#include <tendon/action_limits.h>

#include <algorithm>
#include <charconv>
#include <limits>

#include "api/names.h"
#include "base/format.h"

namespace tendon {
namespace {

constexpr LimitStat kStats[] = {LimitStat::kMax, LimitStat::kMean, LimitStat::kRms, LimitStat::kP99,
                                LimitStat::kJump};

/// The limit that counts for a joint, or null.
const ActionLimit* find_limit(std::span<const ActionLimit> limits, LimitStat stat,
                              std::string_view joint) {
  const ActionLimit* found = nullptr;
  for (const ActionLimit& limit : limits) {
    if (limit.stat != stat) continue;
    const bool own = limit.joint == joint;
    if (own || (limit.joint == "*" && (found == nullptr || found->joint == "*"))) found = &limit;
  }
  return found;
}

double jump_ratio(const PolicyComparison& policy, const std::string& tested, size_t joint) {
  const auto of = [&](const std::string& runner) {
    const ExecutionComparison* found = policy.find_execution(runner, ExecutionMode::kChunks);
    if (found == nullptr) {
      fail(ErrorKind::kUsage, "a limit on jumps needs episodes; give --episodes and --stats");
    }
    return found->jump.joints[joint].max;
  };
  const double own = of(tested);
  const double reference = of(policy.runners.front());
  if (reference > 0) return own / reference;
  return own > 0 ? std::numeric_limits<double>::infinity() : 1;
}

double figure_of(const PolicyComparison& policy, const ActionComparison& comparison, size_t joint,
                 LimitStat stat) {
  const ErrorFigures& figures = comparison.joints[joint].robot;
  switch (stat) {
    case LimitStat::kMax: return figures.max;
    case LimitStat::kMean: return figures.mean;
    case LimitStat::kRms: return figures.rms;
    case LimitStat::kP99: return figures.p99;
    case LimitStat::kJump: return jump_ratio(policy, comparison.tested, joint);
  }
  return 0;
}

}  // namespace

std::string_view name_of(LimitStat stat) {
  switch (stat) {
    case LimitStat::kMax: return "max";
    case LimitStat::kMean: return "mean";
    case LimitStat::kRms: return "rms";
    case LimitStat::kP99: return "p99";
    case LimitStat::kJump: return "jump";
  }
  return "";
}

ActionLimit action_limit_from_text(std::string_view text) {
  const size_t equals = text.rfind('=');
  if (equals == std::string_view::npos || equals == 0) {
    fail(ErrorKind::kUsage, "--limit '{}' is not of the form JOINT=VALUE or JOINT:STAT=VALUE",
         text);
  }
  ActionLimit limit{std::string(text.substr(0, equals)), LimitStat::kMax, 0};
  const char* end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data() + equals + 1, end, limit.value);
  if (parsed.ec != std::errc() || parsed.ptr != end || !(limit.value >= 0)) {
    fail(ErrorKind::kUsage, "--limit '{}' does not end in a number of at least 0", text);
  }
  for (const LimitStat stat : kStats) {
    const std::string suffix = fmt::format(":{}", name_of(stat));
    if (limit.joint.size() <= suffix.size() || !limit.joint.ends_with(suffix)) continue;
    limit.joint.resize(limit.joint.size() - suffix.size());
    limit.stat = stat;
    break;
  }
  return limit;
}

std::string to_string(const ActionLimit& limit) {
  return fmt::format("{}:{}={:g}", limit.joint, name_of(limit.stat), limit.value);
}

std::string to_string(const ExceededLimit& exceeded) {
  if (exceeded.stat == LimitStat::kJump) {
    return fmt::format(
        "{}: {} jumps at chunk borders by {:.4g} times the reference's jump, limit "
        "{:.4g}",
        exceeded.tested, exceeded.joint, exceeded.found, exceeded.limit);
  }
  return fmt::format("{}: {} of {} is {:.4g} {}, limit {:.4g}", exceeded.tested,
                     name_of(exceeded.stat), exceeded.joint, exceeded.found, exceeded.unit,
                     exceeded.limit);
}

void check_limit_names(std::span<const ActionLimit> limits, std::span<const JointInfo> joints) {
  std::vector<std::string> names;
  for (const JointInfo& joint : joints) names.push_back(joint.name);
  for (const ActionLimit& limit : limits) {
    if (limit.joint == "*" || std::ranges::count(names, limit.joint) > 0) continue;
    fail(ErrorKind::kUsage, "--limit names '{}'{}, but the joints compared are {}", limit.joint,
         did_you_mean(limit.joint, names), fmt::join(names, ", "));
  }
}

std::vector<ExceededLimit> check_limits(const PolicyComparison& policy,
                                        std::span<const ActionLimit> limits) {
  check_limit_names(limits, policy.joints);
  std::vector<ExceededLimit> exceeded;
  for (const ActionComparison& comparison : policy.actions) {
    for (size_t joint = 0; joint < policy.joints.size(); ++joint) {
      for (const LimitStat stat : kStats) {
        const JointInfo& info = policy.joints[joint];
        const ActionLimit* limit = find_limit(limits, stat, info.name);
        if (limit == nullptr) continue;
        const double found = figure_of(policy, comparison, joint, stat);
        if (found <= limit->value) continue;
        exceeded.push_back({comparison.tested, info.name, info.unit, stat, found, limit->value});
      }
    }
  }
  return exceeded;
}

}  // namespace tendon
