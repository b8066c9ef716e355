// ErrorBudget: from text, and how much of it errors use.
#include <tendon/precision_search.h>

#include <algorithm>
#include <charconv>

#include "base/format.h"

namespace tendon {
namespace {

/// `text` as a number above 0.
double positive_number(std::string_view text, const std::string& whole) {
  double value = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  if (parsed.ec != std::errc() || parsed.ptr != text.data() + text.size() || !(value > 0)) {
    fail(ErrorKind::kUsage,
         "error limit '{}' is not of the form 0.002, joint=0.01 or 5%, with a number above 0",
         whole);
  }
  return value;
}

double largest_p99(const ActionComparison& errors) {
  for (const UnitError& unit : errors.units) {
    if (unit.unit == "rad") return unit.robot.p99;
  }
  double largest = 0;
  for (const UnitError& unit : errors.units) largest = std::max(largest, unit.robot.p99);
  return largest;
}

const JointError& joint_named(const ActionComparison& errors, const std::string& name) {
  std::vector<std::string> known;
  for (const JointError& joint : errors.joints) {
    if (joint.joint.name == name) return joint;
    known.push_back(joint.joint.name);
  }
  fail(ErrorKind::kUsage, "there is no joint '{}'; the joints are {}", name,
       fmt::join(known, ", "));
}

}  // namespace

ErrorBudget error_budget_from_texts(std::span<const std::string> texts) {
  ErrorBudget budget;
  for (const std::string& text : texts) {
    const std::string_view view = text;
    if (const size_t equals = view.rfind('='); equals != std::string_view::npos) {
      budget.joints[text.substr(0, equals)] = positive_number(view.substr(equals + 1), text);
    } else if (view.ends_with('%')) {
      budget.deviations = positive_number(view.substr(0, view.size() - 1), text) / 100;
    } else {
      budget.all = positive_number(view, text);
    }
  }
  return budget;
}

double share_of_budget(const ActionComparison& errors, const ErrorBudget& budget) {
  double share = 0;
  if (budget.all) share = largest_p99(errors) / *budget.all;
  for (const auto& [joint, limit] : budget.joints) {
    share = std::max(share, joint_named(errors, joint).robot.p99 / limit);
  }
  if (budget.deviations) {
    for (const JointError& joint : errors.joints) {
      share = std::max(share, joint.normalized.p99 / *budget.deviations);
    }
  }
  return share;
}

}  // namespace tendon
