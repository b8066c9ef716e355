// Errors of actions, gathered by chunk step and joint.
#include <tendon/compare_actions.h>

#include <algorithm>
#include <cmath>

#include "api/names.h"
#include "base/format.h"
#include "base/text_table.h"
#include "compare/statistics.h"

namespace tendon {
namespace {

constexpr const char* kArmJoints[] = {"waist",       "shoulder",     "elbow",  "forearm_roll",
                                      "wrist_angle", "wrist_rotate", "gripper"};
constexpr int64_t kArm = std::size(kArmJoints);

void add_arm(std::vector<JointInfo>& joints, const std::string& prefix) {
  for (const char* joint : kArmJoints) {
    const bool gripper = std::string_view(joint) == "gripper";
    joints.push_back({prefix + joint, gripper ? "open" : "rad"});
  }
}

void check_finite(const Tensor& actions, std::string_view whose) {
  const NonFinite found = find_non_finite(to_doubles(actions), actions.shape());
  if (found.any()) {
    fail(ErrorKind::kCheckFailed, "compare_actions: the {} actions hold {}", whose,
         to_string(found));
  }
}

}  // namespace

std::vector<JointInfo> default_joints(int64_t count) {
  std::vector<JointInfo> joints;
  if (count == 2 * kArm) {
    add_arm(joints, "left_");
    add_arm(joints, "right_");
  } else if (count == kArm) {
    add_arm(joints, "");
  } else {
    for (int64_t i = 0; i < count; ++i) joints.push_back({fmt::format("joint_{}", i), "units"});
  }
  return joints;
}

ActionAccumulator::ActionAccumulator(const NormStats& stats, std::vector<JointInfo> joints,
                                     bool raw_units)
    : action_std_(stats.action_std.begin(), stats.action_std.end()),
      joints_(joints.empty() ? default_joints(stats.action_count()) : std::move(joints)),
      raw_units_(raw_units) {
  if (joints_.size() != action_std_.size() || joints_.empty()) {
    fail(ErrorKind::kUsage,
         "compare_actions: {} joint names for the {} actions of the statistics; give one for each",
         joints_.size(), action_std_.size());
  }
}

void ActionAccumulator::add(const Tensor& tested, const Tensor& reference) {
  const Shape& shape = tested.shape();
  const auto joints = static_cast<int64_t>(joints_.size());
  const bool fits = shape == reference.shape() && shape.rank() >= 2 && shape.back() == joints &&
                    tested.dtype() == DataType::kFloat32 && reference.dtype() == DataType::kFloat32;
  if (!fits) {
    fail_input(
        "compare_actions: the actions are {} and {}; expected float32 of equal shapes that end in "
        "(steps, {}), one column for each action of the statistics",
        tested.type(), reference.type(), joints);
  }
  const int64_t steps = shape[shape.rank() - 2];
  if (step_count_ == 0) {
    step_count_ = steps;
    errors_.resize(static_cast<size_t>(steps * joints));
  }
  if (steps != step_count_) {
    fail_input("compare_actions: a chunk of {} steps after chunks of {}", steps, step_count_);
  }
  check_finite(tested, "tested");
  check_finite(reference, "reference");
  const auto a = tested.data<float>();
  const auto b = reference.data<float>();
  for (size_t i = 0; i < a.size(); ++i) {
    const float scale = raw_units_ ? static_cast<float>(action_std_[i % action_std_.size()]) : 1.0F;
    errors_[i % errors_.size()].push_back(
        {std::abs(a[i] - b[i]) / scale, static_cast<uint32_t>(iterations_)});
  }
  ++iterations_;
}

ErrorFigures ActionAccumulator::figures(int64_t first_joint, int64_t joints, int64_t first_step,
                                        int64_t steps, double scale) const {
  ErrorFigures result;
  std::vector<double> sorted;
  for (int64_t step = first_step; step < first_step + steps; ++step) {
    for (int64_t joint = first_joint; joint < first_joint + joints; ++joint) {
      const auto at = static_cast<size_t>(step) * joints_.size() + static_cast<size_t>(joint);
      for (const Entry& entry : errors_[at]) {
        const double error = entry.error * scale;
        if (error > result.max) {
          result.max = error;
          result.iteration = entry.iteration;
          result.step = step;
          result.joint = joint;
        }
        result.mean += error;
        result.rms += error * error;
        sorted.push_back(error);
      }
    }
  }
  const auto count = static_cast<double>(sorted.size());
  result.mean /= count;
  result.rms = std::sqrt(result.rms / count);
  std::sort(sorted.begin(), sorted.end());
  result.p99 = quantile_of_sorted(sorted, 0.99);
  return result;
}

ActionComparison ActionAccumulator::finish(std::string tested, std::string reference) const {
  if (iterations_ == 0 || step_count_ == 0) {
    fail(ErrorKind::kUsage, "compare_actions: no actions were given");
  }
  const auto count = static_cast<int64_t>(joints_.size());
  ActionComparison result{std::move(tested), std::move(reference), iterations_, {}, {}, {}};
  for (int64_t joint = 0; joint < count; ++joint) {
    const auto at = static_cast<size_t>(joint);
    result.joints.push_back({joints_[at], figures(joint, 1, 0, step_count_, 1.0),
                             figures(joint, 1, 0, step_count_, action_std_[at])});
  }
  for (int64_t step = 0; step < step_count_; ++step) {
    result.steps.push_back(figures(0, count, step, 1, 1.0));
  }
  result.overall = figures(0, count, 0, step_count_, 1.0);
  return result;
}

std::string to_table(const ActionComparison& comparison) {
  using Align = TextTable::Align;
  TextTable table({{"joint"},
                   {"unit"},
                   {"mean", Align::kRight},
                   {"rms", Align::kRight},
                   {"p99", Align::kRight},
                   {"max", Align::kRight},
                   {"max (std)", Align::kRight},
                   {"worst at"}});
  const auto number = [](double value) { return fmt::format("{:.3g}", value); };
  const auto place = [](const ErrorFigures& figures) {
    return fmt::format("iteration {}, step {}", figures.iteration, figures.step);
  };
  for (const JointError& joint : comparison.joints) {
    table.add_row({joint.joint.name, joint.joint.unit, number(joint.robot.mean),
                   number(joint.robot.rms), number(joint.robot.p99), number(joint.robot.max),
                   number(joint.normalized.max), place(joint.robot)});
  }
  const ErrorFigures& all = comparison.overall;
  table.add_row({"all", "std", number(all.mean), number(all.rms), number(all.p99), number(all.max),
                 number(all.max), place(all)});
  return table.to_string();
}

ActionComparison compare_actions(const RunResults& results, const NormStats& stats,
                                 const ActionOptions& options) {
  const size_t runners = results.runners.size();
  if (options.tested >= runners || options.reference >= runners) {
    fail(ErrorKind::kUsage,
         "compare_actions: runners {} and {} are asked for; the results hold {}, counted from 0",
         options.tested, options.reference, runners);
  }
  const RunnerResults& tested = results.runners[options.tested];
  const RunnerResults& reference = results.runners[options.reference];
  if (tested.iterations.size() != reference.iterations.size()) {
    fail(ErrorKind::kUsage, "compare_actions: '{}' has {} iteration(s) but '{}' has {}",
         tested.runner, tested.iterations.size(), reference.runner, reference.iterations.size());
  }
  ActionAccumulator accumulator(stats, options.joints);
  const auto output_of = [&](const RunnerResults& runner, size_t i) -> const Tensor& {
    const TensorMap& outputs = runner.iterations[i].outputs;
    const auto found = outputs.find(options.output);
    if (found == outputs.end()) {
      std::vector<std::string> names;
      for (const auto& [name, tensor] : outputs) names.push_back(name);
      fail(ErrorKind::kUsage, "compare_actions: '{}' has no output '{}' (it has {})", runner.runner,
           options.output, quoted_list(names));
    }
    return found->second;
  };
  for (size_t i = 0; i < tested.iterations.size(); ++i) {
    const Tensor& actions = output_of(tested, i);
    accumulator.add(actions, output_of(reference, i));
  }
  return accumulator.finish(tested.runner, reference.runner);
}

}  // namespace tendon
