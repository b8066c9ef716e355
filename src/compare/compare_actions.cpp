// Errors of actions, gathered by chunk step and joint.
#include <tendon/compare_actions.h>

#include <cmath>

#include "api/names.h"
#include "base/format.h"
#include "compare/joint_tallies.h"
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

std::string_view name_of(Phase phase) {
  switch (phase) {
    case Phase::kGripperSwitch: return "gripper switches";
    case Phase::kFastMotion: return "fastest 5 %";
  }
  return "";
}

struct ActionAccumulator::State {
  explicit State(std::shared_ptr<const JointScales> the_scales)
      : scales(std::move(the_scales)), all(scales) {}

  std::shared_ptr<const JointScales> scales;
  size_t iterations = 0;
  int64_t steps = 0;
  int64_t padded = 0;
  /// By step, then joint; normalised.
  std::vector<ErrorTally> cells;
  JointTallies all;
  /// Empty until phases were given.
  std::vector<JointTallies> phases;

  size_t joints() const { return scales->joints.size(); }

  void set_steps(int64_t count) {
    if (steps == 0) {
      steps = count;
      cells.resize(static_cast<size_t>(steps) * joints());
    }
    if (steps != count) {
      fail_input("compare_actions: a chunk of {} steps after chunks of {}", count, steps);
    }
  }

  void add(float error, const ErrorPlace& place, uint8_t phase_bits) {
    const size_t step = static_cast<size_t>(place.step);
    cells[step * joints() + static_cast<size_t>(place.joint)].add(error, place);
    all.add(error, place);
    for (size_t phase = 0; phase < phases.size(); ++phase) {
      if ((phase_bits >> phase & 1) != 0) phases[phase].add(error, place);
    }
  }
};

ActionAccumulator::ActionAccumulator(const NormStats& stats, std::vector<JointInfo> joints)
    : state_(
          std::make_unique<State>(std::make_shared<const JointScales>(stats, std::move(joints)))) {}

ActionAccumulator::~ActionAccumulator() = default;
ActionAccumulator::ActionAccumulator(ActionAccumulator&&) noexcept = default;
ActionAccumulator& ActionAccumulator::operator=(ActionAccumulator&&) noexcept = default;

void ActionAccumulator::add(const Tensor& tested, const Tensor& reference,
                            const ChunkSteps& steps) {
  const Shape& shape = tested.shape();
  const auto joints = static_cast<int64_t>(state_->joints());
  const bool fits = shape == reference.shape() && shape.rank() >= 2 && shape.back() == joints &&
                    tested.dtype() == DataType::kFloat32 && reference.dtype() == DataType::kFloat32;
  if (!fits) {
    fail_input(
        "compare_actions: the actions are {} and {}; expected float32 of equal shapes that end in "
        "(steps, {}), one column for each action of the statistics",
        tested.type(), reference.type(), joints);
  }
  const int64_t step_count = shape[shape.rank() - 2];
  state_->set_steps(step_count);
  if (!steps.phases.empty() && static_cast<int64_t>(steps.phases.size()) != step_count) {
    fail(ErrorKind::kUsage, "compare_actions: phases of {} steps for a chunk of {}",
         steps.phases.size(), step_count);
  }
  if (!steps.phases.empty() && state_->phases.empty()) {
    state_->phases.assign(kPhaseCount, JointTallies(state_->scales));
  }
  check_finite(tested, "tested");
  check_finite(reference, "reference");
  const auto a = tested.data<float>();
  const auto b = reference.data<float>();
  const auto iteration = static_cast<uint32_t>(state_->iterations);
  for (size_t i = 0; i < a.size(); ++i) {
    const auto cell = static_cast<int64_t>(i) % (step_count * joints);
    const int64_t step = cell / joints;
    if (step >= steps.known) {
      ++state_->padded;
      continue;
    }
    const uint8_t phases = steps.phases.empty() ? 0 : steps.phases[static_cast<size_t>(step)];
    state_->add(a[i] - b[i],
                {iteration, static_cast<int32_t>(step), static_cast<int32_t>(cell % joints)},
                phases);
  }
  ++state_->iterations;
}

ActionComparison ActionAccumulator::finish(std::string tested, std::string reference) const {
  const State& state = *state_;
  if (state.iterations == 0 || state.steps == 0) {
    fail(ErrorKind::kUsage, "compare_actions: no actions were given");
  }
  ActionComparison result;
  result.tested = std::move(tested);
  result.reference = std::move(reference);
  result.iterations = state.iterations;
  result.padded = state.padded;
  for (size_t first = 0; first < state.cells.size(); first += state.joints()) {
    ErrorTally step;
    for (size_t joint = 0; joint < state.joints(); ++joint) {
      const ErrorTally& cell = state.cells[first + joint];
      step.merge(cell);
      result.cells.push_back(cell.figures(state.scales->action_std[joint]));
    }
    result.steps.push_back(step.figures());
  }
  result.joints = state.all.joint_errors();
  result.units = state.all.unit_errors();
  result.overall = state.all.overall();
  for (size_t i = 0; i < state.phases.size(); ++i) {
    const JointTallies& phase = state.phases[i];
    result.phases.push_back(
        {static_cast<Phase>(i), phase.joint_errors(), phase.unit_errors(), phase.overall()});
  }
  return result;
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
