// PolicyComparator: hands the actions of each iteration to everything that measures them.
#include <tendon/comparison.h>

#include <algorithm>
#include <cmath>

#include "base/format.h"
#include "compare/execution_replay.h"
#include "compare/pictures.h"
#include "compare/worst_frames.h"

namespace tendon {
namespace {

/// Worst frames of one episode are at least this share of a chunk apart.
constexpr int64_t kApart = 4;

struct LargestError {
  double error = -1;
  int64_t step = 0;
  int64_t joint = 0;
};

/// In the joints' units, over the first `known` steps of each chunk.
LargestError largest_error(const Tensor& tested, const Tensor& reference, const JointScales& scales,
                           int64_t known) {
  const auto joints = static_cast<int64_t>(scales.joints.size());
  const int64_t steps = tested.shape()[tested.rank() - 2];
  const auto a = tested.data<float>();
  const auto b = reference.data<float>();
  LargestError largest;
  for (size_t i = 0; i < a.size(); ++i) {
    const auto cell = static_cast<int64_t>(i) % (steps * joints);
    const int64_t step = cell / joints;
    const int64_t joint = cell % joints;
    const double scale = scales.action_std[static_cast<size_t>(joint)];
    const double error = scale * static_cast<double>(std::abs(a[i] - b[i]));
    if (step < known && error > largest.error) largest = {error, step, joint};
  }
  return largest;
}

}  // namespace

const ExecutionComparison* PolicyComparison::find_execution(std::string_view runner,
                                                            ExecutionMode mode) const {
  for (const ExecutionComparison& entry : execution) {
    if (entry.runner == runner && entry.mode == mode) return &entry;
  }
  return nullptr;
}

struct PolicyComparator::State {
  std::vector<std::string> names;
  NormStats stats;
  PolicyOptions options;
  std::shared_ptr<const JointScales> scales;
  std::vector<FrameId> frames;
  std::vector<std::string> episodes;
  std::vector<std::string> cameras;
  std::optional<RecordedTargets> targets;
  std::optional<ExecutionReplay> replay;

  size_t iterations = 0;
  int64_t steps = 0;
  /// Positions among the results; the first is the reference.
  std::vector<size_t> active;
  std::vector<ActionAccumulator> against_reference;
  std::vector<ActionAccumulator> against_recorded;
  std::vector<WorstFrames> worst;

  bool compares() const { return active.size() > 1 && active.front() == 0; }
  bool follows() const { return targets.has_value(); }

  void start(std::span<const IterationResult> results) {
    for (size_t i = 0; i < results.size(); ++i) {
      if (results[i].outputs.contains(options.action_output)) active.push_back(i);
    }
    if (!compares()) return;
    std::vector<std::string> runners;
    for (size_t i = 0; i < active.size(); ++i) {
      runners.push_back(names[active[i]]);
      if (i > 0) against_reference.emplace_back(stats, scales->joints);
      if (follows()) against_recorded.emplace_back(stats, scales->joints);
    }
    if (follows()) replay.emplace(std::move(runners), scales, options.execution);
  }

  std::vector<Tensor> actions_of(std::span<const IterationResult> results) const {
    std::vector<Tensor> actions;
    for (const size_t i : active) {
      const auto found = results[i].outputs.find(options.action_output);
      if (found == results[i].outputs.end()) {
        fail_input("'{}' gives no output '{}' in iteration {}, but it gave one before", names[i],
                   options.action_output, iterations);
      }
      actions.push_back(found->second);
    }
    return actions;
  }

  /// The joint's column of each chunk, in its unit.
  std::vector<float> column(const Tensor& chunk, int64_t joint, int64_t known) const {
    const auto at = static_cast<size_t>(joint);
    const auto values = chunk.data<float>();
    std::vector<float> column;
    for (int64_t step = 0; step < std::min(known, steps); ++step) {
      const float value = values[static_cast<size_t>(step) * scales->joints.size() + at];
      column.push_back(value * stats.action_std[at] + stats.action_mean[at]);
    }
    return column;
  }

  void keep_worst(const TensorMap& inputs, std::span<const Tensor> actions,
                  const RecordedTargets::Target* target) {
    const FrameId* frame = follows() ? &frames[iterations] : nullptr;
    const int64_t known = target == nullptr ? steps : target->known;
    for (size_t i = 1; i < actions.size(); ++i) {
      const LargestError found = largest_error(actions[i], actions.front(), *scales, known);
      if (!worst[i - 1].wants(found.error, frame)) continue;
      WorstFrame entry{i, iterations, found.step, found.joint, found.error, {}, {}, {}};
      entry.pictures = pictures_from_inputs(inputs, cameras);
      for (const Tensor& chunk : actions) {
        entry.chunks.push_back(column(chunk, found.joint, steps));
      }
      if (target != nullptr) entry.recorded = column(target->action, found.joint, known);
      worst[i - 1].put(std::move(entry), frame);
    }
  }
};

PolicyComparator::PolicyComparator(std::vector<std::string> runners, NormStats stats,
                                   PolicyOptions options)
    : state_(std::make_unique<State>()) {
  state_->scales = std::make_shared<const JointScales>(stats, options.joints);
  state_->names = std::move(runners);
  state_->stats = std::move(stats);
  state_->options = std::move(options);
  ChunkExecutor(ExecutionMode::kChunks, state_->options.execution);
}

PolicyComparator::~PolicyComparator() = default;

void PolicyComparator::follow(const EpisodicDataset& dataset, std::vector<FrameId> frames) {
  check_stats_fit(state_->stats, dataset);
  state_->targets.emplace(dataset, state_->stats, state_->scales->joints, frames,
                          state_->options.execution.rate);
  state_->frames = std::move(frames);
  state_->cameras = dataset.cameras();
  for (int64_t i = 0; i < dataset.size(); ++i) state_->episodes.push_back(dataset.name(i));
}

void PolicyComparator::add(const TensorMap& inputs, std::span<const IterationResult> results) {
  State& state = *state_;
  if (state.iterations == 0) state.start(results);
  if (!state.compares()) return;
  const std::vector<Tensor> actions = state.actions_of(results);
  if (state.follows() && state.iterations >= state.frames.size()) {
    fail(ErrorKind::kUsage, "PolicyComparator: iteration {} of {} frames", state.iterations,
         state.frames.size());
  }
  const Shape& shape = actions.front().shape();
  state.steps = shape.rank() < 2 ? 1 : shape[shape.rank() - 2];
  std::optional<RecordedTargets::Target> target;
  ChunkSteps known;
  if (state.follows()) {
    target = state.targets->at(state.frames[state.iterations], state.steps);
    known = {target->known, target->phases};
  }
  for (size_t i = 1; i < actions.size(); ++i) {
    state.against_reference[i - 1].add(actions[i], actions.front(), known);
  }
  if (target.has_value()) {
    for (size_t i = 0; i < actions.size(); ++i) {
      state.against_recorded[i].add(actions[i], target->action, known);
    }
    state.replay->add(state.frames[state.iterations], actions, *state.targets);
  }
  state.worst.resize(actions.size() - 1,
                     WorstFrames(state.options.worst_frames, state.steps / kApart));
  state.keep_worst(inputs, actions, target.has_value() ? &*target : nullptr);
  ++state.iterations;
}

std::optional<PolicyComparison> PolicyComparator::finish() {
  State& state = *state_;
  if (!state.compares() || state.iterations == 0) return std::nullopt;
  PolicyComparison result;
  for (const size_t i : state.active) result.runners.push_back(state.names[i]);
  result.joints = state.scales->joints;
  result.action_mean = state.stats.action_mean;
  result.action_std = state.stats.action_std;
  result.names = {std::move(state.frames), std::move(state.episodes)};
  result.iterations = state.iterations;
  result.chunk_steps = state.steps;
  result.execution_options = state.options.execution;
  for (size_t i = 0; i < state.against_reference.size(); ++i) {
    result.actions.push_back(
        state.against_reference[i].finish(result.runners[i + 1], result.runners.front()));
    std::ranges::move(state.worst[i].take(), std::back_inserter(result.worst_frames));
  }
  for (size_t i = 0; i < state.against_recorded.size(); ++i) {
    result.recorded.push_back(state.against_recorded[i].finish(result.runners[i], "recording"));
  }
  if (state.replay.has_value()) {
    result.execution = state.replay->finish(*state.targets);
    result.trajectories = state.replay->worst();
  }
  return result;
}

}  // namespace tendon
